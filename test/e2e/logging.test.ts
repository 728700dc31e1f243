import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

it('writes all logs of all threads into a file, until the end, and no stream is held back by compression', async () => {
  const folder = await makeTempDir('llmq-logs');
  const file = join(folder, 'logs', 'service.log');
  try {
    const service = await startService({ config: { logging: { file } } });
    const response = await fetch(`${service.baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-encoding': 'gzip' },
      body: JSON.stringify({
        ...{ model: 'demo', stream: true },
        messages: [{ role: 'user', content: `[[demo:rate 0]] ${'word '.repeat(2_000)}` }],
      }),
    });
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(await response.text()).toMatch(/^data: [\s\S]*data: \[DONE\]\s*$/m);
    await service.stop();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const messages = lines.map((line) => JSON.parse(line).msg as string);
    expect(messages).toContain('This process projects the event log');
    expect(messages.at(-1)).toBe('stopped');
    expect(service.logs()).not.toContain('"level":');
  } finally {
    await removeTempDir(folder);
  }
});

it('tells plain lines where that is wanted, and a file that can not be written before anything is started', async () => {
  const text = await startService({ env: { LOGGING_FORMAT: 'text' } });
  await text.stop();
  expect(text.logs()).toMatch(/^\S+ INFO {2}stopped$/m);
  await expect(startService({ env: { LOGGING_FILE: '/dev/null/service.log' } })).rejects.toThrow(
    /can't start: The log file \/dev\/null\/service\.log \(logging\.file\) can't be written/,
  );
});
