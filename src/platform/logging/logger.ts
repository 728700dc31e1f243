import { destination as fileDescriptor, type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { ServiceConfig } from '../config/service-config.js';
import { readableLine } from './readable-line.js';
import { redactSecrets } from './redact.js';

const STDERR = 2;

/** Where lines go. `isTTY` says that a person is reading. */
export interface LogTarget {
  readonly isTTY?: boolean;
  write(line: string): unknown;
}

/** Fields that hold credentials by their name, wherever they are in a logged object, two levels deep. */
const SECRET_FIELDS = ['authorization', 'cookie', 'password', 'api_key', 'apiKey', 'token', 'pass'];

/**
 * Standard error gets the logs, so that standard output stays for what scripts read (the ready line).
 * Writes are synchronous: the lines before a crash are those that one wants to read.
 */
function standardError(): LogTarget {
  return process.stderr.isTTY ? process.stderr : fileDescriptor({ dest: STDERR, sync: true });
}

function readable(target: LogTarget): LogTarget {
  return { write: (line) => target.write(readableLine(line)) };
}

/** One JSON object a line, or plain lines where a person watches. Credentials are taken out of either. */
export function createLogger(
  config: Pick<ServiceConfig, 'logging'>,
  target: LogTarget = standardError(),
): Logger {
  return pino(
    {
      level: config.logging.level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err, error: stdSerializers.err },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '***',
      },
      hooks: { streamWrite: redactSecrets },
    },
    target.isTTY === true ? readable(target) : target,
  );
}
