import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { erasingOrder } from '../../src/domain/conversation/erasing-order.policy.js';
import { eraseMessages } from '../../src/domain/erasure/erase-messages.decision.js';
import type { ErasedPart } from '../../src/domain/erasure/erasure.events.js';
import { eraseContent } from '../../src/domain/message/erase-content.decision.js';
import type { MessageEvent } from '../../src/domain/message/message.events.js';
import { ErasureReader, type OldMessage } from '../../src/projection/read/erasure-reader.js';
import { databaseOf } from '../../src/projection/tables/data-source.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';
import { ArrayLog, requeued, tangledLog, withConversations } from './projection.fixture.js';

const NOW = '2026-06-01T00:00:00.000Z';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres?.stop());

function decided(messages: readonly OldMessage[], part: ErasedPart) {
  const context = { subject: uuidv7(), tenant: messages[0]!.tenant, now: NOW, newId: uuidv7 };
  return eraseMessages(context, { messages, part, by: 'service', reason: `retention.${part}` });
}

function withoutContent(log: ArrayLog, { id, tenant, lane }: OldMessage) {
  const life = log.stored.filter(({ event }) => event.subject === id);
  const context = { messageId: id, tenant, lane, now: NOW, newId: uuidv7 };
  return eraseContent(context, life as { sequence: number; event: MessageEvent }[], {
    ...{ by: 'service', reason: 'retention.content' },
  })!;
}

/**
 * One that was requeued after its answer, and answered again: it has used twice what its row tells, which no erasure can
 * take back. Only two admins who requeue a dead letter at the same moment can bring that about.
 */
function isAnsweredTwice(log: ArrayLog, id: string): boolean {
  const types = log.stored.flatMap(({ event }) => (event.subject === id ? [event.type] : []));
  const requeuedAt = types.lastIndexOf('llmq.message.requeued.v1');
  return types.slice(0, Math.max(0, requeuedAt)).includes('llmq.message.completed.v1');
}

/** Of all but what is still to be erased. */
async function tablesOf(dataSource: DataSource) {
  const { erasure_queue: _, ...all } = await digests(dataSource);
  return all;
}

it('gives the same tables wherever the eraser is in its work', async () => {
  const log = new ArrayLog();
  await log.append(withConversations(tangledLog(120, 5)));
  const live = await openSchema(postgres.url);
  await foldToEnd(live, log, 50);
  const reader = new ErasureReader(live);
  const old = await reader.endedBefore(NOW, 'message', null, 1_000);
  const tenant = old[0]!.tenant;
  const ended = old.filter((message) => message.tenant === tenant && !isAnsweredTwice(log, message.id));
  const [content, whole, both] = [0, 1, 2].map((part) => ended.filter((_, at) => at % 4 === part)) as [
    ...[OldMessage[], OldMessage[], OldMessage[]],
  ];
  expect(Math.min(content.length, whole.length, both.length)).toBeGreaterThan(5);
  expect(ended.some(({ conversationId }) => conversationId !== null)).toBe(true);
  // One of each goes on before its erasure is in the log.
  await log.append([requeued(content[0]!.id), requeued(whole[0]!.id)]);
  const loses = [...content, ...both];
  await log.append([decided(loses, 'content'), ...loses.map((message) => withoutContent(log, message))]);
  await foldToEnd(live, log, 50);
  // Two processes may find the same: the second changes nothing.
  await log.append([decided(loses, 'content'), ...loses.map((message) => withoutContent(log, message))]);
  await log.append([decided(whole, 'message')]);
  await foldToEnd(live, log, 50);
  const again = await reader.endedBefore(NOW, 'message', null, 1_000);
  const later = again.filter(({ id }) => both.some((message) => message.id === id));
  expect(later).toHaveLength(both.length);
  await log.append([decided(later, 'message')]);
  await foldToEnd(live, log, 50);
  const left = new Set((await reader.endedBefore(NOW, 'message', null, 1_000)).map(({ id }) => id));
  expect(both.some(({ id }) => left.has(id))).toBe(false);
  expect(whole.slice(1).some(({ id }) => left.has(id))).toBe(false);
  const still = (await reader.endedBefore(NOW, 'content', null, 1_000)).map(({ id }) => id);
  expect(content.some(({ id }) => still.includes(id))).toBe(false);
  const expected = await tablesOf(live);

  const queued: { owner: string; sequence: string; messageId: string | null }[] = await live.query(
    `SELECT conversation_id AS owner, sequence, message_id AS "messageId"
      FROM "${databaseOf(live).schema}".erasure_queue ORDER BY 1, 2`,
  );
  const gone = [...new Set(queued.map(({ owner }) => owner))].flatMap((owner) => {
    const own = queued.filter((one) => one.owner === owner);
    const { first, last } = erasingOrder(
      own.map(({ sequence, messageId }) => ({ sequence: Number(sequence), messageId })),
      (sequence) => sequence,
    );
    return [...first, ...last];
  });
  expect(gone.length).toBeGreaterThan(100);
  for (const [at, sequence] of gone.entries()) {
    await log.erase([sequence]);
    if (at % 40 !== 0 && at !== gone.length - 1) continue;
    const rebuilt = await openSchema(postgres.url);
    await foldToEnd(rebuilt, log, 30, at % 80 === 0 ? null : 200);
    expect(await tablesOf(rebuilt)).toEqual(expected);
    await rebuilt.destroy();
  }
  await live.destroy();
}, 240_000);
