import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';
import { eventually } from '../support/eventually.js';
import { connectAs, testPublisher } from '../support/nats-publisher.js';
import { type RunningService, startService } from '../support/service.js';
import { natsAddress } from '../support/service-addresses.js';

// biome-ignore lint/suspicious/noExplicitAny: the document has many shapes.
type Json = any;

const PROJECT = resolve(import.meta.dirname, '../..');
const billing = testPublisher('billing', 'acme');

let document: Json;
let service: RunningService;
let publisher: NatsConnection;

beforeAll(async () => {
  const main = resolve(PROJECT, 'dist/app/asyncapi.main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--print'], {
    maxBuffer: 16 * 1024 * 1024,
  });
  expect(await readFile(resolve(PROJECT, 'docs/asyncapi.yaml'), 'utf8')).toBe(stdout);
  document = parse(stdout);
  service = await startService({ config: { nats: { publishers: [billing.config] } } });
  publisher = await connectAs(billing, (await natsAddress(service.dataDir)).url);
}, 300_000);
afterAll(async () => {
  await publisher?.close();
  await service?.stop();
});

const at = (reference: string): Json =>
  reference
    .replace(/^#\//, '')
    .split('/')
    .reduce((value: Json, key) => value[key], document);
const messagesOf = (channel: Json): [string, Json][] =>
  Object.entries<Json>(channel.messages).map(([name, { $ref }]) => [name, at($ref)]);

function checkOf(payload: object): ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  return ajv.compile({ ...payload, components: document.components });
}

describe('the AsyncAPI document', () => {
  it('refers only to what it has', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"(#\/[^"]+)"/g)];
    expect(references.length).toBeGreaterThan(100);
    for (const [, reference] of references) expect(at(reference!)).toBeDefined();
  });

  it('has examples of what is published, each of which is taken in and answered', async () => {
    const { intake, results } = document.channels;
    const told: Json[] = [];
    publisher.subscribe('llmq.results.>', { callback: (_error, message) => void told.push(message.json()) });
    await publisher.flush();
    const result = checkOf(messagesOf(results)[0]![1].payload);
    let sent = 0;
    for (const [name, { payload: schema, examples }] of messagesOf(intake)) {
      const check = checkOf(schema);
      for (const { payload, headers: named = {} } of examples) {
        expect([name, check(payload), check.errors]).toEqual([name, true, null]);
        const options = headers();
        for (const [header, value] of Object.entries<string>(named)) options.set(header, value);
        const subject = intake.address.replace('{lane}', intake.parameters.lane.enum[sent % 5]);
        await jetstream(publisher, { timeout: 60_000 }).publish(subject, JSON.stringify(payload), {
          headers: options,
        });
        sent += 1;
      }
    }
    expect(sent).toBeGreaterThanOrEqual(2);
    await eventually(() => expect(told).toHaveLength(sent));
    for (const message of told) expect([result(message), result.errors]).toEqual([true, null]);
  });

  it('has examples of calls, each of which is answered as it says', async () => {
    const calls = Object.values<Json>(document.channels).filter(({ address }) =>
      address.startsWith('llmq.rpc.'),
    );
    expect(calls.length).toBeGreaterThanOrEqual(10);
    for (const channel of calls) {
      const [[, ask], [, answer]] = messagesOf(channel) as [[string, Json], [string, Json]];
      const check = checkOf(answer.payload);
      expect(ask.examples.length).toBeGreaterThan(0);
      for (const { name, payload, headers: named = {} } of ask.examples) {
        const options = headers();
        for (const [header, value] of Object.entries<string>(named)) options.set(header, value);
        const body = JSON.stringify(payload);
        const reply = await publisher.request(channel.address, body, { headers: options, timeout: 90_000 });
        const json = reply.json<Json>();
        expect([name, json.error]).toEqual([name, undefined]);
        expect([name, check(json), check.errors]).toEqual([name, true, null]);
      }
    }
  });

  it('tells what is rejected as it says', async () => {
    const heard: Json[] = [];
    publisher.subscribe('llmq.intake.rejected', {
      callback: (_error, message) => void heard.push(message.json()),
    });
    await publisher.flush();
    await jetstream(publisher, { timeout: 60_000 }).publish('llmq.intake.auto', '{"user_id":7}');
    await eventually(() => expect(heard).toHaveLength(1));
    const check = checkOf(messagesOf(document.channels.rejected)[0]![1].payload);
    expect([check(heard[0]), check.errors]).toEqual([true, null]);
    const reply = await publisher.request('llmq.rpc.messages.get', '{}', { timeout: 90_000 });
    const answer = reply.json<Json>();
    const error = checkOf(at('#/components/schemas/CallError'));
    expect([error(answer.error), error.errors]).toEqual([true, null]);
  });
});
