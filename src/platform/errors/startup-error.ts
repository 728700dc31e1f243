import { isNativeError } from 'node:util/types';
import { redactSecrets } from '../logging/redact.js';

interface CodedError {
  readonly code: string;
  readonly message: string;
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
}

/** What the operating system says, by its code, in words that name the key to change. */
const SYSTEM_ERRORS: Readonly<Record<string, (error: CodedError) => string>> = {
  EADDRINUSE: ({ address, port }) =>
    `port ${port ?? '?'} on ${address ?? 'this machine'} is in use by another program, or by another instance of this service. Set SERVER_PORT (server.port) to a free port, or to 0 to let the system choose one; for a second instance set another LLMQ_DATA_DIR too.`,
  EADDRNOTAVAIL: ({ address }) =>
    `${address ?? 'the address to listen on'} is not an address of this machine. Set SERVER_HOST (server.host) to one that is, for instance 127.0.0.1.`,
  ENOTFOUND: ({ message }) =>
    `a host name can't be resolved (${message}). Check SERVER_HOST, NATS_URL and DATABASE_URL.`,
  EACCES: ({ port, path }) =>
    port === undefined
      ? `this user may not use ${path ?? 'a file that the service needs'}. Correct its owner or its permissions, or set LLMQ_DATA_DIR to a folder of this user.`
      : `this user may not listen on port ${port}. Set SERVER_PORT (server.port) to 1024 or above.`,
  ENOSPC: ({ path }) =>
    `the disk is full${path === undefined ? '' : ` (${path})`}. Free some space, or set LLMQ_DATA_DIR to another disk.`,
};

/** Errors of ours have a code in lower-case words and a message that says what to do; Node's and libraries' have not. */
function isOurs(error: CodedError): boolean {
  return /^[a-z]+(_[a-z]+)*$/.test(error.code);
}

function asCoded(error: unknown): CodedError | null {
  const coded = isNativeError(error) && typeof (error as Partial<CodedError>).code === 'string';
  return coded ? (error as unknown as CodedError) : null;
}

function isAggregate(error: unknown): error is AggregateError {
  return isNativeError(error) && Array.isArray((error as Partial<AggregateError>).errors);
}

/** Node puts a connection's failures, one per address, into an AggregateError whose own message is empty. */
function messageOf(error: unknown): string {
  if (isAggregate(error) && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return isNativeError(error) ? error.message || error.name : String(error);
}

/** The paragraph for an error that stopped the start. */
export function startupErrorText(error: unknown, withStack: boolean): string {
  const coded = asCoded(error);
  const known = coded === null ? undefined : SYSTEM_ERRORS[coded.code]?.(coded);
  const stack = withStack && isNativeError(error) && error.stack ? `\n${error.stack}` : '';
  if (known !== undefined) return known + stack;
  if (coded !== null && isOurs(coded)) return coded.message + stack;
  return `${messageOf(error)}${stack || '. This error is not one that the service knows; start it with LOGGING_LEVEL=debug to see where it comes from.'}`;
}

/**
 * Tells why the service can't start, for a person: what is wrong and what to do, and no stack trace unless
 * `LOGGING_LEVEL` is `debug` or `trace`. The caller exits with a code that is not 0.
 */
export function printStartupError(
  error: unknown,
  env: NodeJS.ProcessEnv = process.env,
  write: (text: string) => unknown = (text) => process.stderr.write(text),
): void {
  const withStack = ['debug', 'trace'].includes(env['LOGGING_LEVEL'] ?? '');
  write(`llm-message-queue can't start: ${redactSecrets(startupErrorText(error, withStack))}\n`);
}
