import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NatsError } from '../../src/broker/broker.errors.js';
import { connectNats } from '../../src/broker/connect-nats.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { type PlainNats, startPlainNats } from './event-log.plain-nats.js';
import { connectTo } from './event-log.test-log.js';

describe('connecting to NATS', () => {
  let nats: TestNats;
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.stop());

  async function refusal(
    section: { url: string; user?: string; password?: string },
    startTimeoutMs = 30_000,
  ): Promise<NatsError> {
    const error = await connectNats({ nats: { user: '', password: '', ...section } }, silentLogger, {
      startTimeoutMs,
    }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NatsError);
    return error as NatsError;
  }

  it('takes several addresses, and uses one that answers', async () => {
    const dead = await freePort();
    const url = `nats://127.0.0.1:${dead}, ${nats.url}`;
    const connection = await connectNats({ nats: { ...nats, url } }, silentLogger, { name: 'a test' });
    expect(connection.getServer()).toContain(String(nats.port));
    await connection.close();
  });

  it('takes the login from the address', async () => {
    const url = nats.url.replace('nats://', `nats://${nats.user}:${encodeURIComponent(nats.password)}@`);
    const connection = await connectNats({ nats: { url, user: '', password: '' } }, silentLogger);
    await connection.close();
  });

  it('tries for a while, then names the address and the key', async () => {
    const port = await freePort();
    const error = await refusal({ url: `nats://127.0.0.1:${port}` }, 600);
    expect(error.code).toBe('nats_unreachable');
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(error.message).toContain('NATS_URL');
  });

  it('does not try a refused login again, and keeps the password to itself', async () => {
    const error = await refusal({ url: nats.url, user: nats.user, password: 'wrong-one' });
    expect(error.code).toBe('nats_login_refused');
    expect(error.message).toContain('NATS_PASSWORD');
    expect(error.message).not.toContain('wrong-one');
  });

  it('waits for a server that is on its way', async () => {
    await nats.kill();
    const connecting = connectTo(nats);
    await nats.restart();
    await (await connecting).close();
  });

  it('comes back by itself, for ever', async () => {
    const connection = await connectTo(nats);
    await nats.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await nats.restart();
    await eventually(() => connection.flush());
    expect(connection.isClosed()).toBe(false);
    await connection.close();
  });

  describe('to other servers', () => {
    let withoutJetStream: PlainNats;
    let withToken: PlainNats;
    beforeAll(async () => {
      withoutJetStream = await startPlainNats(() => ({}));
      withToken = await startPlainNats((dir) => ({
        authorization: { token: 's3cr3t' },
        jetstream: { store_dir: dir },
      }));
    });
    afterAll(async () => {
      await withoutJetStream.stop();
      await withToken.stop();
    });

    it('says that JetStream is off, and how to turn it on', async () => {
      const error = await refusal({ url: withoutJetStream.url });
      expect(error.code).toBe('nats_unsuitable');
      expect(error.message).toContain('jetstream {');
    });

    it('takes a password without a user as a token', async () => {
      const section = { url: withToken.url, user: '', password: 's3cr3t' };
      await (await connectNats({ nats: section }, silentLogger)).close();
    });
  });
});
