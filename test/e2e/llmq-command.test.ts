import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { VERSION } from '../../src/platform/version.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { runLlmq, type StartedCommand, startLlmq } from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

let service: RunningService;

beforeAll(async () => {
  service = await startService();
});
afterAll(async () => service?.stop());

let started: StartedCommand[] = [];
// A test that failed has not interrupted its own.
afterEach(() => {
  for (const { process } of started) process.kill('SIGKILL');
  started = [];
});

function tailing(...args: string[]): StartedCommand {
  const tail = startLlmq(service.dataDir, 'events', 'tail', ...args);
  started.push(tail);
  return tail;
}

async function call(method: string, path: string, body?: object): Promise<Json> {
  const response = await fetch(`${service.baseUrl}/api/v1/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return response.json();
}

async function answered(content: string, user_id = 'u'): Promise<string> {
  const { id } = await call('POST', 'messages', { user_id, content: `${content} [[demo:rate 0]]` });
  expect((await call('GET', `messages/${id}?wait=60s`)).status).toBe('completed');
  return id;
}

it('is what `npm run llmq` starts', async () => {
  const command = resolve(import.meta.dirname, '../../scripts/llmq.js');
  const { stdout } = await promisify(execFile)(process.execPath, [command, '--help']);
  expect(stdout).toContain('Usage: llmq');
});

describe('llmq', () => {
  it('tells what there is, its version, and what an option should have been', async () => {
    const bare = await runLlmq(service.dataDir);
    expect(bare).toMatchObject({ code: 0, errors: '', output: expect.stringMatching(/^Usage: llmq/) });
    expect(await runLlmq(service.dataDir, '--version')).toMatchObject({
      code: 0,
      output: `${VERSION}\n`,
      errors: '',
    });
    const wrong = await runLlmq(service.dataDir, 'events', 'export', '--form', '2030-01-01');
    expect(wrong).toMatchObject({
      code: 1,
      output: '',
      errors: expect.stringMatching(/--form.*Did you mean --from\?/s),
    });
  });

  it('says nothing that nobody asked for when it is set up', async () => {
    const command = resolve(import.meta.dirname, '../../scripts/llmq.js');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [command, '--version']);
    expect([stdout, stderr]).toEqual([`${VERSION}\n`, '']);
  });
});

describe('llmq doctor', () => {
  const doctor = (...args: string[]) => runLlmq(service.dataDir, 'doctor', '--url', service.baseUrl, ...args);

  it('says that all is well, for people and for programs', async () => {
    // Just after the start no worker has told of itself.
    await eventually(async () => expect(await doctor()).toMatchObject({ code: 0, errors: '' }));
    const { output } = await eventually(async () => {
      const told = await doctor();
      expect(told.code).toBe(0);
      return told;
    });
    expect(output).toMatch(/^All is well\.\nhttp:.*\n\nflow {7}well {5}Does work start\?\n/);
    const { code, output: json } = await doctor('--json');
    expect(code).toBe(0);
    expect(JSON.parse(json)).toMatchObject({ verdict: 'well', version: VERSION, findings: [], unknown: [] });
  });

  it('names what is wrong with the command that mends it, and ends with 1', async () => {
    await call('POST', 'admin/lanes/low/pause', { reason: 'a trial' });
    const { output } = await eventually(async () => {
      const told = await doctor();
      expect([told.code, told.output]).toEqual([
        1,
        expect.stringContaining('1. warning (flow): The lane low'),
      ]);
      return told;
    });
    expect(output).toMatch(/^Something is wrong\./);
    expect(output).toContain('1. warning (flow): The lane low is paused');
    expect(output).toContain('   reason: a trial\n');
    const path = 'admin/lanes/low/resume';
    expect(output).toContain(`         curl -s -X POST '${service.baseUrl}/api/v1/${path}'\n`);
    await call('POST', path);
    await eventually(async () => expect((await doctor()).code).toBe(0));
  });

  it('ends with 2 where nobody answers', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const gone = await runLlmq(service.dataDir, 'doctor', '--url', url);
    expect(gone).toMatchObject({
      code: 2,
      output: '',
      errors: expect.stringContaining(`${url}/api/v1/report`),
    });
    const told = await runLlmq(service.dataDir, 'doctor', '--url', url, '--json');
    expect(told.code).toBe(2);
    expect(JSON.parse(told.output)).toMatchObject({ verdict: 'not_reached' });
  });
});

describe('llmq status', () => {
  it('tells where the servers are and how to look, without secrets unless they are asked for', async () => {
    const credentials = JSON.parse(await readFile(join(service.dataDir, 'credentials.json'), 'utf8'));
    const secrets = [credentials, credentials.readers].flatMap(({ nats, postgres }) => [
      nats.password,
      postgres.password,
    ]);
    const plain = await runLlmq(service.dataDir, 'status');
    expect(plain).toMatchObject({ code: 0, errors: '' });
    expect(plain.output.match(/embedded, running/g)).toHaveLength(2);
    for (const secret of secrets) expect(plain.output).not.toContain(secret);
    const shown = (await runLlmq(service.dataDir, 'status', '--show-secrets')).output;
    for (const secret of secrets) expect(shown).toContain(secret);
  });

  it('names files that log in', async () => {
    await answered('for who looks');
    const { output } = await runLlmq(service.dataDir, 'status');
    const home = /XDG_CONFIG_HOME=(\S+) nats --context llmq/.exec(output)![1]!;
    const { url, user, password } = JSON.parse(await readFile(join(home, 'nats/context/llmq.json'), 'utf8'));
    const connection = await connect({ servers: url, user, pass: password });
    const heard = connection.subscribe('llmq.events.>', { max: 1 });
    await connection.flush();
    await answered('for who listens');
    for await (const { subject } of heard) expect(subject).toMatch(/^llmq\.events\./);
    await connection.close();
    const [, file, where, sql] = /PGPASSFILE=(\S+) psql '([^']+)' -c '([^']+)'/.exec(output)!;
    const login = (await readFile(file!, 'utf8')).trim().split(':');
    const at = Object.fromEntries(where!.split(' ').map((part) => part.split('=')));
    expect(login.slice(0, 4)).toEqual([at.host, at.port, at.dbname, at.user]);
    const client = new pg.Client({
      ...{ host: at.host, port: Number(at.port), database: at.dbname, user: at.user },
      password: login[4],
    });
    await client.connect();
    await eventually(async () => expect((await client.query(sql!)).rows.length).toBeGreaterThan(0));
    await client.end();
  });
});

describe('llmq config check', () => {
  it('says whether a file can be used, and what is wrong with the names of its keys', async () => {
    const file = join(service.dataDir, 'to-check.yaml');
    const check = () => runLlmq(service.dataDir, 'config', 'check', file);
    await writeFile(file, 'server: {prot: 1}\nredis: {addr: h}\n');
    const wrong = await check();
    expect(wrong).toMatchObject({ code: 1, errors: '' });
    expect(wrong.output).toMatch(
      /server\.prot .*line 1.*Did you mean port\?[\s\S]*redis .*line 2.*no Redis here/,
    );
    await writeFile(file, `database: {host: h, password_env: ELSEWHERE}\n`);
    const named = await runLlmq(service.dataDir, 'config', 'check', '--config', file);
    const good = await check();
    expect(named).toEqual(good);
    expect(good).toMatchObject({ code: 0, errors: '' });
    expect(good.output).toMatch(/^\S+to-check\.yaml is good\.\n[\s\S]*ELSEWHERE is not set/);
  });
});

describe('llmq events tail', () => {
  it('tells of live events that the filter wants, until it is interrupted', async () => {
    const before = await answered('before');
    const tail = tailing('--type', 'completed');
    // Whatever is answered before it listens is none of its.
    await eventually(async () => {
      await answered('until it listens');
      expect(tail.lines().length).toBeGreaterThan(0);
    });
    const id = await answered('live');
    const told = () => tail.lines().map((line) => JSON.parse(line));
    await eventually(() => expect(told().at(-1).event.subject).toBe(id));
    expect(told().map(({ event }) => event.subject)).not.toContain(before);
    expect(new Set(told().map(({ event }) => event.type))).toEqual(new Set(['llmq.message.completed.v1']));
    tail.process.kill('SIGINT');
    expect(await once(tail.process, 'exit')).toEqual([0, null]);
  });

  it('goes on behind a sequence', async () => {
    const [first, second] = [await answered('one'), await answered('two')];
    const all = (await runLlmq(service.dataDir, 'events', 'export')).output.trim().split('\n');
    const last = all.findLastIndex((line) => JSON.parse(line).event.subject === first);
    const { sequence } = JSON.parse(all[last]!);
    const tail = tailing('--after', String(sequence));
    const rest = all.slice(last + 1);
    expect(rest.every((line) => JSON.parse(line).event.subject === second)).toBe(true);
    await eventually(() => expect(tail.lines()).toEqual(rest));
    const live = await answered('three');
    await eventually(() => expect(tail.lines().length).toBe(rest.length + 4));
    const subjects = tail.lines().map((line) => JSON.parse(line).event.subject);
    expect(subjects.slice(rest.length)).toEqual(Array(4).fill(live));
    tail.process.kill('SIGTERM');
    expect(await once(tail.process, 'exit')).toEqual([0, null]);
  });
});

describe('llmq events export', () => {
  it('knows a conversation by the id that its client gave', async () => {
    const named = { user_id: 'u', conversation_id: 'order-17', content: 'A turn. [[demo:rate 0]]' };
    const { id } = await call('POST', 'messages', named);
    expect((await call('GET', `messages/${id}?wait=60s`)).status).toBe('completed');
    const exported = async (...args: string[]) => {
      const { output, errors } = await runLlmq(service.dataDir, 'events', 'export', ...args);
      return {
        errors,
        events: output
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line).event),
      };
    };
    const { events } = await exported('--conversation', 'order-17');
    expect(events[0].type).toBe('llmq.conversation.created.v1');
    expect(events.filter(({ subject }) => subject === id).length).toBeGreaterThan(2);
    expect(new Set(events.map(({ subject }) => subject))).toEqual(new Set([events[0].subject, id]));
    const byTenant = await exported('--conversation', 'order-17', '--tenant', 'default');
    expect(byTenant.events).toEqual(events);
    expect(await exported('--conversation', 'order-18')).toMatchObject({
      ...{ events: [], errors: 'llmq: There is no conversation order-18.\n' },
    });
  });
});

describe('llmq replay', () => {
  let window: string[];
  let asked: string[];

  beforeAll(async () => {
    const from = new Date().toISOString();
    asked = [await answered('What is one?', 'ann'), await answered('What is two?', 'ann')];
    await answered('not of the filter', 'bob');
    const to = new Date(Date.now() + 1).toISOString();
    window = ['--from', from, '--to', to, '--filter', 'user_id=ann', '--url', service.baseUrl];
  });

  const list = async () => (await call('GET', 'messages?limit=200')).data as Json[];
  const replay = (...more: string[]) => runLlmq(service.dataDir, 'replay', ...window, ...more);

  it('only tells what it would send, when it runs dry', async () => {
    const before = await list();
    const { code, output } = await replay('--dry-run');
    expect(code).toBe(0);
    for (const id of asked) expect(output).toContain(id);
    expect(output).toMatch(/2 messages would be sent again\.\n$/);
    expect((await list()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  });

  it('refuses a window that ends before it begins', async () => {
    const { code } = await replay('--from', '2030-01-02T00:00:00Z', '--to', '2030-01-01T00:00:00Z');
    expect(code).toBe(1);
  });

  it('sends nothing to a model that there is not, and does not wait for a service that is not there', async () => {
    const before = await list();
    const unknown = await replay('--model', 'none');
    expect([unknown.code, unknown.errors]).toEqual([
      1,
      expect.stringContaining('no model none; it serves demo'),
    ]);
    const started = performance.now();
    const nowhere = await replay('--url', `http://127.0.0.1:${await freePort()}`);
    expect([nowhere.code, nowhere.errors]).toEqual([1, expect.stringContaining('Is the service running')]);
    expect(performance.now() - started).toBeLessThan(60_000);
    expect((await list()).length).toBe(before.length);
  });

  it('exits with 1 when a repetition gets no answer', async () => {
    const from = new Date().toISOString();
    const { id } = await call('POST', 'messages', { user_id: 'cleo', content: '[[demo:fail 400]]' });
    const { status } = await call('GET', `messages/${id}?wait=60s`);
    expect(status).toBe('failed');
    const to = new Date(Date.now() + 1).toISOString();
    const args = ['--from', from, '--to', to, '--filter', 'user_id=cleo', '--url', service.baseUrl, '--json'];
    const { code, output } = await runLlmq(service.dataDir, 'replay', ...args);
    expect(code).toBe(1);
    expect(JSON.parse(output)).toMatchObject({
      id,
      error: null,
      replay: { status: 'failed', call_ms: null },
    });
  });

  it('sends the window again, and reports each pair side by side with its cost', async () => {
    const { code, output } = await replay('--priority', 'low', '--price', 'demo=1000000/2000000');
    expect(code).toBe(0);
    const rows = output.split('\n').map((line) => line.trim().split(/\s{2,}/));
    const [heading, ...pairs] = rows.filter((cells) => cells.length > 3 && !cells[0]!.startsWith('---'));
    expect(heading).toEqual([
      ...['message', 'which', 'status', 'model', 'characters', 'waited ms', 'call ms', 'finish'],
      ...['tokens in/out', 'cost'],
    ]);
    expect(pairs).toHaveLength(4);
    const originals = pairs.filter(([, which]) => which === 'before').map(([id]) => id);
    expect(originals).toEqual(asked);
    for (const [at, cells] of pairs.entries()) {
      const [id, which, status, model, characters, waited, called, finish, tokens, cost] = cells;
      expect([which, status, model, finish]).toEqual([
        ...[at % 2 === 0 ? 'before' : 'again', 'completed', 'demo', 'stop'],
      ]);
      expect(Number(waited)).toBeGreaterThanOrEqual(0);
      expect(Number(called)).toBeGreaterThanOrEqual(0);
      // The very same question has the very same answer.
      const before = pairs[at - (at % 2)]!;
      expect([characters, tokens]).toEqual([before[4], before[8]]);
      const [prompt, completion] = tokens!.split('/').map(Number);
      expect(Number(cost)).toBeCloseTo(prompt! + 2 * completion!, 5);
      const { replay_of, priority } = await call('GET', `messages/${id}`);
      expect([replay_of, priority]).toEqual(at % 2 === 0 ? [null, 'normal'] : [before[0], 'low']);
    }
    expect(output).toMatch(/2 of 2 messages were sent again, 2 of them answered\.\n$/);
  });
});
