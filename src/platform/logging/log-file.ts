import { basename, dirname, resolve, sep } from 'node:path';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import type { LogTarget } from './logger.js';

export interface LogFileOptions {
  /** Made, with its folder, where it is missing. */
  readonly path: string;
  /** It becomes `<path>.1` when it is as large as this; what was `.1` becomes `.2`. */
  readonly maxBytes: number;
  /** How many of those are kept. */
  readonly maxFiles: number;
  /** After how long a file that failed is tried again, in milliseconds; default 10 s. */
  readonly retryMs?: number;
}

/** Readable for its group, as the logs of other services are. */
const MODE = 0o640;
const RETRY_MS = 10_000;

export class LogFileError extends Error {
  readonly code = 'log_file_unusable';
}

/**
 * A file that lines are written to, one after the other and without waiting for the disk.
 *
 * States: open -> failed (disk full, file gone: lines go to standard error) -> open again, tried with the first line
 * after a while -> closed, after which lines go to standard error too.
 */
export class LogFile implements LogTarget {
  private stream: RotatingFileStream | null = null;
  private retryAt = 0;
  private closed = false;

  private constructor(
    private readonly options: LogFileOptions,
    private readonly instead: LogTarget,
  ) {}

  /**
   * @param instead gets the lines that the file can't take
   * @throws {LogFileError} where it can't be opened
   */
  static async open(options: LogFileOptions, instead: LogTarget): Promise<LogFile> {
    const file = new LogFile(options, instead);
    const stream = streamTo(options);
    await new Promise<void>((opened, failed) => {
      stream.once('open', () => opened());
      stream.once('error', (error) => failed(unusable(options.path, error)));
    });
    file.use(stream);
    return file;
  }

  write(line: string): void {
    const stream = this.stream ?? this.reopened();
    (stream ?? this.instead).write(line);
  }

  /** Resolves when all lines are in the file. */
  async close(): Promise<void> {
    this.closed = true;
    const { stream } = this;
    this.stream = null;
    if (stream !== null) await new Promise<void>((done) => stream.end(() => done()));
  }

  private reopened(): RotatingFileStream | null {
    if (this.closed || performance.now() < this.retryAt) return null;
    return this.use(streamTo(this.options));
  }

  private use(stream: RotatingFileStream): RotatingFileStream {
    stream.removeAllListeners('error');
    stream.on('error', (error) => {
      if (this.stream !== stream) return;
      this.stream = null;
      this.retryAt = performance.now() + (this.options.retryMs ?? RETRY_MS);
      this.instead.write(
        `warning: ${unusable(this.options.path, error).message} Until it can, logs go here.\n`,
      );
    });
    this.stream = stream;
    return stream;
  }
}

function streamTo({ path, maxBytes, maxFiles }: LogFileOptions): RotatingFileStream {
  const absolute = resolve(path);
  return createStream(basename(absolute), {
    path: `${dirname(absolute)}${sep}`,
    size: `${maxBytes}B`,
    rotate: maxFiles,
    mode: MODE,
  });
}

function unusable(path: string, error: Error): LogFileError {
  return new LogFileError(`The log file ${resolve(path)} (logging.file) can't be written: ${error.message}.`);
}
