import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

let servers: Servers;
let gateway: Gateway;
const made = {
  messages: [] as string[],
  conversations: [] as string[],
  turns: [] as string[],
  letters: [] as string[],
};

const call = (method: string, path: string, body?: unknown) =>
  request(method, `${gateway.baseUrl}/api/v1/${path}`, body);

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers);
  const submit = async (fields: object) =>
    (await call('POST', 'messages', { user_id: 'ann', content: 'x', ...fields })).json.id as string;
  for (let count = 0; count < 5; count += 1) {
    made.messages.push(await submit({ user_id: 'bob' }));
    const conversation = await call('POST', 'conversations', { user_id: 'ann', id: `talk-${count}` });
    made.conversations.push(conversation.json.id);
    made.turns.push(await submit({ conversation_id: 'talk-0' }));
    const letter = await submit({ user_id: 'cem' });
    const error = { code: 'bad', message: 'bad', retryable: false, status: 400 };
    await gateway.worker.deadLetter(await gateway.worker.receivedAs(letter), error);
    made.letters.push(letter);
  }
  await gateway.projected();
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const LISTS = [
  ['messages?user_id=bob', 'messages', 'id'],
  ['messages?user_id=bob&status=pending', 'messages', 'id'],
  ['conversations?user_id=ann', 'conversations', 'id'],
  ['users/ann/conversations?state=active', 'conversations', 'id'],
  ['conversations/talk-0/messages?', 'turns', 'id'],
  ['admin/dead-letters?', 'letters', 'id'],
] as const;

it.each(LISTS)('%s pages in both orders', async (path, list, id) => {
  const pages = async (order: string) => {
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const { status, json } = await call('GET', `${path}&limit=2${order}${cursor}`);
      expect({ status, json }).toMatchObject({ status: 200 });
      found.push(...json.data.map((one: Record<string, string>) => one[id]));
      if (json.next_cursor === null) return found;
      cursor = `&cursor=${json.next_cursor}`;
    }
  };
  expect(await pages('&order=asc')).toEqual(made[list]);
  expect(await pages('&order=desc')).toEqual([...made[list]].reverse());
  expect(await pages('')).toEqual([...made[list]].reverse());
  expect((await call('GET', `${path}&order=up`)).json).toMatchObject({ status: 422, field: 'order' });
});

it.each(LISTS.map(([path]) => path))('%s names what there is in place of what others have', async (path) => {
  for (const [field, ours] of [
    ['page', 'cursor'],
    ['offset', 'cursor'],
    ['page_size', 'limit'],
    ['sort', 'order'],
  ] as const) {
    const { status, json } = await call('GET', `${path}&${field}=1`);
    expect({ status, field: json.field }).toEqual({ status: 422, field });
    expect(json.detail).toContain(`give ${ours}`);
  }
  const { json } = await call('GET', `${path}&toString=1`);
  expect(json).toMatchObject({ status: 422, detail: 'toString is not a known field' });
});

it('requeues all dead letters, or those of a filter, so many at a time', async () => {
  const requeue = (body?: object) => call('POST', 'admin/dead-letters/requeue-all', body);
  expect(await requeue({ priority: 'low' })).toMatchObject({
    ...{ status: 200, json: { requeued: 0, past_deadline: 0, more: false } },
  });
  expect((await requeue({ user_id: 'cem', limit: 2 })).json).toMatchObject({ requeued: 2, more: true });
  expect((await requeue({ all: true })).json).toMatchObject({ status: 422, field: 'all' });
  expect((await requeue({ limit: 10_001 })).json).toMatchObject({ status: 422, field: 'limit' });
  expect((await requeue()).json).toMatchObject({ requeued: 3, more: false });
  expect((await call('GET', 'admin/dead-letters')).json.data).toEqual([]);
});
