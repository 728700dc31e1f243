import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import {
  API_DESCRIPTION,
  type ApiDescription,
  apiDescription,
  type DescribedOperation,
  operationsOf,
} from '../support/api-description.js';
import { answersSeen } from '../support/described-fetch.js';
import { machineTool } from '../support/machine-tool.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const PROGRAMS = join(PROJECT, 'test/e2e/generated-client');
/** A compiler takes its time on a machine that does much else. */
const GENERATED_WITHIN_MS = 300_000;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const operator = newApiKey({ name: 'operator', role: 'operator', tenant: 'one' });
const viewer = newApiKey({ name: 'viewer', role: 'viewer', tenant: 'one' });
const bearer = ({ key }: { key: string }) => ({ authorization: `Bearer ${key}` });

let description: ApiDescription;
let operations: [name: string, operation: DescribedOperation][];
let service: RunningService;
let receiver: WebhookReceiver;
let folder: string;

beforeAll(async () => {
  description = apiDescription();
  operations = operationsOf(description);
  folder = await makeTempDir('llmq-generated-client');
  receiver = await startWebhookReceiver();
  receiver.answer('/gone', (response) => response.writeHead(410).end());
  service = await startService({
    config: {
      webhooks: { secrets: [`whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`] },
      security: { api_keys: [operator.config, viewer.config], egress: { allow: ['127.0.0.0/8'] } },
      queue: { retry: { base_delay_ms: 50, max_delay_ms: 200 } },
    },
  });
});
afterAll(async () => {
  await service?.stop();
  await receiver?.close();
  await removeTempDir(folder);
});

it('is the one that the service shows', async () => {
  const response = await fetch(`${service.baseUrl}/api/docs-json`, { headers: bearer(operator) });
  expect(await response.json()).toEqual(description);
});

it('names operations and parts as people do, and keeps the names', () => {
  const ids = operations.map(([, { operationId }]) => operationId);
  expect(ids.filter((id) => !/^[a-z]+([A-Z][a-z]+)+$/.test(id))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
  // Programs call generated functions by these names: one may be added, none may change.
  expect(ids).toEqual(expect.arrayContaining(KEPT_NAMES));
  const named = description.tags.map(({ name }) => name);
  const used = [...new Set(operations.flatMap(([, { tags }]) => tags))];
  expect(named.filter((tag) => used.includes(tag))).toEqual(used);
});

it('says what each answer holds', () => {
  const silent = operations.flatMap(([name, { responses }]) =>
    Object.entries(responses)
      .filter(([status, { content }]) => status !== '204' && !Object.values(content ?? {})[0]?.schema)
      .map(([status]) => `${name} ${status}`),
  );
  expect(silent).toEqual([]);
});

describe('a generated client in TypeScript', () => {
  it(
    'compiles, and uses every route',
    async () => {
      await generate();
      const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
      const { useEveryRoute } = await run(process.execPath, [tsc, '-p', folder]).then(
        () => import(join(folder, 'use-every-route.js')),
        ({ stdout }) => Promise.reject(new Error(stdout)),
      );
      const options = { baseUrl: service.baseUrl, headers: bearer(operator) };
      const used: string[] = await useEveryRoute(options, `${service.baseUrl}/v1`, `${receiver.url}/gone`);
      expect(operations.map(([name]) => name).filter((name) => !used.includes(name))).toEqual([]);
    },
    GENERATED_WITHIN_MS,
  );

  async function generate(): Promise<void> {
    const types = join(PROJECT, 'node_modules/openapi-typescript/bin/cli.js');
    await run(process.execPath, [types, API_DESCRIPTION, '--output', join(folder, 'description.d.ts')]);
    const compilerOptions = { strict: true, target: 'es2023', module: 'nodenext', types: ['node'] };
    const files = {
      'use-every-route.ts': await readFile(join(PROGRAMS, 'use-every-route.ts'), 'utf8'),
      'package.json': '{"type":"module"}',
      'tsconfig.json': JSON.stringify({ compilerOptions }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  }
});

describe('a generated client in Python', () => {
  const tool = machineTool('openapi-python-client');
  const told =
    tool === null
      ? 'uses messages and chats (skipped: no openapi-python-client here)'
      : 'uses messages and chats';

  (tool === null ? it.skip : it)(
    told,
    async () => {
      const made = join(folder, 'python');
      await mkdir(made);
      const args = [
        'generate',
        '--path',
        API_DESCRIPTION,
        '--meta',
        'none',
        '--output-path',
        join(made, 'llmq'),
      ];
      expect((await run(tool!, args)).stdout).not.toContain('will not be generated');
      // The packages that the generated code needs are those that its generator has.
      const [interpreter = 'python3'] = /^#!(\S+)/.exec(await readFile(tool!, 'utf8'))?.slice(1) ?? [];
      const program = join(PROGRAMS, 'use_messages.py');
      const env = { ...process.env, PYTHONPATH: made, PYTHONDONTWRITEBYTECODE: '1' };
      const { stdout } = await run(interpreter, [program, service.baseUrl, operator.key], { env });
      expect(stdout.trim()).toBe('completed, listed, refused, chatted');
    },
    GENERATED_WITHIN_MS,
  );
});

describe('refusals of every route', () => {
  const address = (path: string) =>
    service.baseUrl + path.replace('{lane}', 'low').replaceAll(/\{\w+\}/g, crypto.randomUUID());

  async function told(name: string, headers: Record<string, string>, body?: string, as?: string) {
    const [method, path] = name.split(' ') as [string, string];
    const response = await fetch(address(path), {
      method: (as ?? method).toUpperCase(),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, text: await response.text() };
  }

  async function statuses(
    names: readonly string[],
    ask: (name: string) => Promise<{ readonly status: number }>,
  ): Promise<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const name of names) found[name] = (await ask(name)).status;
    return found;
  }

  const all = () => operations.map(([name]) => name);
  const keyed = () => all().filter((name) => !/ (\/api\/v1)?\/health/.test(name));
  const writing = () => keyed().filter((name) => !name.startsWith('get '));
  const each = (names: string[], status: number) => Object.fromEntries(names.map((name) => [name, status]));

  it('without a key', async () => {
    expect(await statuses(keyed(), (name) => told(name, {}))).toEqual(each(keyed(), 401));
  });

  it('with a key that may only read', async () => {
    const found = await statuses(writing(), (name) => told(name, bearer(viewer)));
    expect(found).toEqual(each(writing(), 403));
  });

  it('with another method', async () => {
    // A path may be that of another route as well, as `/messages/batch` is of `/messages/{id}`.
    const served = (path: string) =>
      Object.entries(description.paths)
        .filter(([other]) => new RegExp(`^${other.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path))
        .flatMap(([, item]) => Object.keys(item));
    const other = (name: string) => METHODS.find((method) => !served(name.split(' ')[1]!).includes(method));
    const names = all().filter((name) => other(name) !== undefined);
    const found = await statuses(names, (name) => told(name, bearer(operator), undefined, other(name)));
    expect(found).toEqual(each(names, 405));
  });

  it('with a body that is no JSON, or is not told to be JSON', async () => {
    const broken = await statuses(writing(), (name) => told(name, bearer(operator), '{"'));
    expect(broken).toEqual(each(writing(), 400));
    const plain = await statuses(writing(), (name) =>
      told(name, { ...bearer(operator), 'content-type': 'text/plain' }, '{}'),
    );
    expect(plain).toEqual(each(writing(), 415));
  });

  it('with a field that nobody knows', async () => {
    const taking = operations
      .filter(([, { requestBody }]) => requestBody !== undefined)
      .map(([name]) => name);
    const found = await statuses(taking, (name) => told(name, bearer(operator), '{"nobody_knows":1}'));
    for (const [name, status] of Object.entries(found)) {
      // The body of a route that names one thing may be looked at before or behind that thing.
      expect([name, [400, 404, 422].includes(status)]).toEqual([name, true]);
    }
  });

  it('about what is not there', async () => {
    const naming = keyed().filter((name) => /^(get|delete) .*\{(?!user_id|lane)/.test(name));
    const found = await statuses(naming, (name) => told(name, bearer(operator)));
    expect(found).toEqual(each(naming, 404));
  });

  it('and answers of every route were as they are described', () => {
    const seen = [...answersSeen()];
    const saw = (name: string, status: string) => seen.some((one) => one.startsWith(`${name} ${status}`));
    expect(all().filter((name) => !saw(name, '2'))).toEqual([]);
    expect(keyed().filter((name) => !saw(name, '401'))).toEqual([]);
  });
});

const KEPT_NAMES = [
  ...[
    'submitMessage',
    'getMessage',
    'listMessages',
    'deleteMessage',
    'cancelMessage',
    'eraseMessage',
    'submitMessageBatch',
  ],
  ...['submitTurn', 'listTurns', 'createConversation', 'getConversation', 'listConversations'],
  ...['changeConversation', 'putConversation', 'changeConversationState', 'eraseConversation'],
  ...['listUserConversations', 'getMessageTimeline', 'getConversationTimeline', 'streamEvents', 'getUsage'],
  ...['getQueueStatus', 'getQueueStats', 'pauseLane', 'resumeLane'],
  ...['listDeadLetters', 'getDeadLetter', 'requeueDeadLetters', 'requeueDeadLetter', 'discardDeadLetter'],
  ...['listEndpoints', 'registerEndpoint', 'getEndpoint', 'changeEndpoint', 'removeEndpoint'],
  ...['drainEndpoint', 'undrainEndpoint', 'getEndpointStats', 'getResources'],
  ...['listPriorityRules', 'addPriorityRule', 'getPriorityRule', 'replacePriorityRule', 'changePriorityRule'],
  ...[
    'removePriorityRule',
    'tryPriorityRules',
    'listUserPriorities',
    'setUserPriority',
    'removeUserPriority',
  ],
  ...['createChatCompletion', 'createCompletion', 'createEmbeddings', 'listModels', 'getModel'],
  ...['requeueAllDeadLetters', 'setUserPriorityByPost', 'getConfig', 'getHealth'],
  ...['getLiveness', 'getReadiness'],
  ...['listWebhookDeliveries', 'getWebhookDelivery', 'redeliverWebhook', 'testWebhook'],
  ...['listSwitchedOffReceivers', 'switchReceiverOn'],
];
