import { createServer } from 'node:net';
import { ConfigError } from '../config/config.error.js';
import { printStartupError } from './startup-error.js';

function printed(error: unknown, env: NodeJS.ProcessEnv = {}): string {
  let text = '';
  printStartupError(error, env, (part) => {
    text += part;
  });
  return text;
}

async function portInUse(): Promise<unknown> {
  const first = createServer();
  await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
  const { port } = first.address() as { port: number };
  const second = createServer();
  const error = await new Promise<Error>((resolve) =>
    second.once('error', resolve).listen(port, '127.0.0.1'),
  );
  await new Promise((resolve) => first.close(resolve));
  return error;
}

describe('printStartupError', () => {
  it('prints the paragraph of an error of ours as it is, without a stack', () => {
    const text = printed(new ConfigError(['server.port is wrong. Correct it.']));
    expect(text).toBe(
      "llm-message-queue can't start: The configuration can't be used: server.port is wrong. Correct it.\n",
    );
  });

  it('names SERVER_PORT where the port is in use', async () => {
    const text = printed(await portInUse());
    expect(text).toMatch(/port \d+ on 127\.0\.0\.1 is in use/);
    expect(text).toContain('SERVER_PORT');
    expect(text).not.toContain(' at ');
  });

  it('says how to see more of an unknown error, and shows it then', () => {
    expect(printed(new TypeError('x is not a function'))).toContain('LOGGING_LEVEL=debug');
    expect(printed(new TypeError('x is not a function'))).not.toMatch(/\n\s+at /);
    expect(printed(new TypeError('x is not a function'), { LOGGING_LEVEL: 'debug' })).toMatch(/\n\s+at /);
  });

  it('never prints a password, and never an empty message', () => {
    const refused = new AggregateError([new Error('connect ECONNREFUSED postgres://u:hunter2@h/d')], '');
    expect(printed(refused)).toContain('ECONNREFUSED');
    expect(printed(refused)).not.toContain('hunter2');
    expect(printed('thrown text')).toContain('thrown text');
  });
});
