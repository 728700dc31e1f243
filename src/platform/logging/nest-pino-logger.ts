import type { LoggerService } from '@nestjs/common';
import type { Level, Logger } from 'pino';

/** What Nest tells of its own wiring: of use to whoever debugs a module, noise to whoever runs the service. */
const WIRING = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'WebSocketsController',
  'NestApplication',
  'NestMicroservice',
]);

interface NestLine {
  readonly context: string | undefined;
  readonly stack: string | undefined;
  readonly details: readonly unknown[];
}

function isStack(value: unknown): value is string {
  return typeof value === 'string' && /\n\s+at /.test(value);
}

/** Nest hands over `(message, ...details, context)`, and for errors a stack before the context. */
function nestLine(parameters: readonly unknown[]): NestLine {
  const last = parameters.at(-1);
  const context = typeof last === 'string' && !isStack(last) ? last : undefined;
  const others = context === undefined ? parameters : parameters.slice(0, -1);
  return {
    context,
    stack: others.find(isStack),
    details: others.filter((other) => other !== undefined && !isStack(other)),
  };
}

/** Nest's own log lines, through the service's logger: `NestFactory.create(Module, adapter, { logger: new NestPinoLogger(logger) })`. */
export class NestPinoLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...parameters: unknown[]): void {
    const { context } = nestLine(parameters);
    this.write(context !== undefined && WIRING.has(context) ? 'debug' : 'info', message, parameters);
  }

  fatal(message: unknown, ...parameters: unknown[]): void {
    this.write('fatal', message, parameters);
  }

  /** What keeps Nest from listening it also throws; `printStartupError` tells it in words, and once is enough. */
  error(message: unknown, ...parameters: unknown[]): void {
    const { context } = nestLine(parameters);
    this.write(context === 'NestApplication' ? 'debug' : 'error', message, parameters);
  }

  warn(message: unknown, ...parameters: unknown[]): void {
    this.write('warn', message, parameters);
  }

  debug(message: unknown, ...parameters: unknown[]): void {
    this.write('debug', message, parameters);
  }

  verbose(message: unknown, ...parameters: unknown[]): void {
    this.write('trace', message, parameters);
  }

  private write(level: Level, message: unknown, parameters: readonly unknown[]): void {
    const { context, stack, details } = nestLine(parameters);
    const fields = { context, ...(details.length > 0 ? { details } : {}) };
    if (message instanceof Error) {
      this.logger[level]({ ...fields, err: message }, message.message);
    } else if (typeof message === 'string') {
      this.logger[level]({ ...fields, ...(stack === undefined ? {} : { err: { message, stack } }) }, message);
    } else {
      this.logger[level]({ ...fields, details: [message, ...details] }, 'from Nest');
    }
  }
}
