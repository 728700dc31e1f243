import { destination as fileDescriptor, type Logger, pino, stdTimeFunctions, symbols } from 'pino';
import type { ServiceConfig } from '../config/service-config.js';
import { loggedError } from './logged-error.js';
import { redactSecrets } from './redact.js';

const STDERR = 2;

/** Where lines go. `isTTY` says that a person is reading. */
export interface LogTarget {
  readonly isTTY?: boolean;
  write(line: string): unknown;
}

/** Fields that hold credentials by their name, wherever they are in a logged object, two levels deep. */
const SECRET_FIELDS = [
  'authorization',
  '["x-api-key"]',
  'cookie',
  'password',
  'api_key',
  'apiKey',
  'token',
  'pass',
];

type LoggingConfig = {
  readonly logging: Pick<ServiceConfig['logging'], 'level' | 'format'>;
};

function below(path: string, field: string): string {
  return field.startsWith('[') ? `${path}${field}` : `${path}.${field}`;
}

/**
 * Standard error gets the logs, so that standard output stays for what scripts read (the ready line).
 * Writes are synchronous: the lines before a crash are those that one wants to read.
 */
export function standardError(): LogTarget {
  return process.stderr.isTTY ? process.stderr : fileDescriptor({ dest: STDERR, sync: true });
}

function readable(target: LogTarget): LogTarget {
  return { write: (line) => target.write(readableLine(line)) };
}

/**
 * One JSON object a line, or plain lines: as `logging.format` says, else plain ones where a person watches. Credentials
 * are taken out of either.
 */
export function createLogger(
  { logging: { level, format } }: LoggingConfig,
  target: LogTarget = standardError(),
): Logger {
  const isPlain = format === 'auto' ? target.isTTY === true : format === 'text';
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: loggedError, error: loggedError },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, below('*', field), below('*.*', field)]),
        censor: '***',
      },
      hooks: { streamWrite: redactSecrets },
    },
    isPlain ? readable(target) : target,
  );
}

/** Writes a line that another logger made in JSON, such as one of a thread, to where this one writes. */
export function writeLine(logger: Logger, json: string): void {
  (logger as unknown as Record<symbol, LogTarget>)[symbols.streamSym]!.write(json);
}

interface LogLine {
  readonly level?: string;
  readonly time?: string;
  readonly msg?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
  readonly [field: string]: unknown;
}

/** Said elsewhere in the line, or the same in each. */
const LEFT_OUT = new Set(['level', 'time', 'msg', 'pid', 'err', 'context']);

function field([name, value]: [string, unknown]): string {
  return `${name}=${typeof value === 'string' && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value)}`;
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('');
}

/** `12:34:56.789 INFO  what happened  key=value`, and an error's stack under it. Anything but our JSON stays as it is. */
function readableLine(json: string): string {
  let line: LogLine;
  try {
    line = JSON.parse(json) as LogLine;
  } catch {
    return json;
  }
  const time = line.time?.slice(11, 23) ?? '';
  const level = (line.level ?? '').toUpperCase().padEnd(5);
  const context = typeof line['context'] === 'string' ? `[${line['context']}] ` : '';
  const fields = Object.entries(line).filter(([name, value]) => !LEFT_OUT.has(name) && value !== undefined);
  const tail = fields.length === 0 ? '' : `  ${fields.map(field).join(' ')}`;
  const stack = line.err?.stack ?? line.err?.message;
  return `${time} ${level} ${context}${line.msg ?? ''}${tail}\n${stack === undefined ? '' : indented(stack)}`;
}
