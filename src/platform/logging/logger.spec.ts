import { QueryFailedError } from 'typeorm';
import { createLogger, writeLine } from './logger.js';
import { NestPinoLogger } from './nest-pino-logger.js';

function capture(level: 'info' | 'debug' = 'info', isTTY = false, format: 'auto' | 'json' | 'text' = 'auto') {
  const lines: string[] = [];
  const logger = createLogger({ logging: { level, format } }, { isTTY, write: (line) => lines.push(line) });
  return { logger, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('createLogger', () => {
  it('writes one JSON object a line with level, time and process', () => {
    const { logger, lines, parsed } = capture();
    logger.info({ lane: 'high' }, 'two\nlines');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]*\n$/);
    expect(parsed()[0]).toMatchObject({ level: 'info', lane: 'high', msg: 'two\nlines', pid: process.pid });
    expect(parsed()[0]!['time']).toMatch(/^\d{4}-.*Z$/);
  });

  it('logs nothing below its level', () => {
    const { logger, lines } = capture();
    logger.debug('not this');
    expect(lines).toEqual([]);
  });

  it.each([false, true])('never shows a credential (a person is reading: %s)', (isTTY) => {
    const { logger, lines } = capture('info', isTTY);
    logger.info(
      { headers: { authorization: 'hunter2', 'x-api-key': 'hunter2' }, nats: { password: 'hunter2' } },
      'fields',
    );
    logger.error({ err: new Error('no route to postgres://me:hunter2@db/llmq') }, 'text');
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('***');
  });

  it.each([false, true])(
    'never shows what a failed statement was to store (a person is reading: %s)',
    (isTTY) => {
      const { logger, lines } = capture('info', isTTY);
      const driverError = Object.assign(new Error('duplicate key'), {
        ...{
          code: '23505',
          detail: 'Key (user_id)=(hunter2) already exists.',
          where: 'COPY rows: "hunter2"',
        },
      });
      const failed = new QueryFailedError('INSERT INTO messages VALUES ($1)', ['hunter2'], driverError);
      logger.error({ err: failed }, 'failed');
      logger.error({ err: new Error('not projected', { cause: failed }) }, 'failed');
      logger.error({ error: new AggregateError([failed], 'several') }, 'failed');
      expect(lines.join('')).toContain('duplicate key');
      expect(lines.join('')).not.toContain('hunter2');
    },
  );

  it('writes in the form that is wanted, wherever it writes to', () => {
    const text = capture('info', false, 'text');
    text.logger.info({ lane: 'low' }, 'ready');
    expect(text.lines[0]).toMatch(/^\S+ INFO {2}ready {2}lane=low\n$/);
    const json = capture('info', true, 'json');
    json.logger.info('ready');
    expect(json.parsed()[0]).toMatchObject({ msg: 'ready' });
  });

  it('passes on lines of other loggers in the same form', () => {
    const text = capture('info', false, 'text');
    const json = capture();
    json.logger.warn({ lane: 'low' }, 'of a thread');
    writeLine(text.logger, json.lines[0]!);
    writeLine(text.logger.child({ more: 1 }), json.lines[0]!);
    expect(text.lines).toHaveLength(2);
    expect(text.lines[1]).toMatch(/ WARN {2}of a thread {2}lane=low\n$/);
    writeLine(json.logger, json.lines[0]!);
    expect(json.lines[1]).toBe(json.lines[0]);
  });

  it('writes plain lines where a person is reading, with the stack of an error under its line', () => {
    const { logger, lines } = capture('info', true);
    logger.warn({ lane: 'low', note: 'a b', err: new Error('broken') }, 'slow');
    const [line, ...stack] = lines[0]!.trimEnd().split('\n');
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}slow {2}lane=low note="a b"$/);
    expect(stack[0]).toBe('    Error: broken');
  });
});

describe('NestPinoLogger', () => {
  it('keeps context, stack and level', () => {
    const { logger, parsed } = capture();
    const nest = new NestPinoLogger(logger);
    nest.log('listening', 'Gateway');
    nest.error('failed', 'Error: failed\n    at x.js:1:1', 'Gateway');
    nest.warn(new Error('odd'), 'Gateway');
    expect(parsed()).toMatchObject([
      { level: 'info', msg: 'listening', context: 'Gateway' },
      { level: 'error', msg: 'failed', context: 'Gateway', err: { stack: expect.stringContaining('x.js') } },
      { level: 'warn', msg: 'odd', context: 'Gateway', err: { message: 'odd' } },
    ]);
  });

  it("shows Nest's wiring only to those who debug", () => {
    const quiet = capture('info');
    new NestPinoLogger(quiet.logger).log('AppModule dependencies initialized', 'InstanceLoader');
    new NestPinoLogger(quiet.logger).error('listen EADDRINUSE', 'NestApplication');
    expect(quiet.lines).toEqual([]);
    const debugging = capture('debug');
    new NestPinoLogger(debugging.logger).log('AppModule dependencies initialized', 'InstanceLoader');
    expect(debugging.parsed()).toMatchObject([{ level: 'debug', context: 'InstanceLoader' }]);
  });
});
