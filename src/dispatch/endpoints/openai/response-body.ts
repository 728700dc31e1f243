import type { Readable } from 'node:stream';
import type { AnswerReader } from './answer-reader.js';

/** How long after the last words an endpoint may take to send the usage and `[DONE]`. */
const AFTER_FINISH_MS = 5_000;
/** How long after `[DONE]` it may take to end the response, which makes the connection fit for the next call. */
const AFTER_DONE_MS = 1_000;

/**
 * Feeds the reader until the answer is done or the body ends, whichever is first; the rest of the body is read in the
 * background. An end or a break after the answer is finished is an end.
 *
 * @param onFinished called when nothing but the usage is expected any more
 * @throws {ModelCallError} from the reader
 */
export function readAnswer(body: Readable, reader: AnswerReader, onFinished: () => void): Promise<BodyEnd> {
  return new Promise((resolve, reject) => {
    const closing = new CloseTimer(body);
    const fail = (error: unknown) => {
      reject(error);
      body.destroy();
    };
    body.on('data', (bytes: Uint8Array) => {
      if (reader.done) return;
      try {
        reader.feed(bytes);
      } catch (error) {
        return fail(error);
      }
      if (reader.done) {
        closing.atMost(AFTER_DONE_MS);
        resolve(WHOLE);
      } else if (reader.finished) {
        onFinished();
        closing.orAtMost(AFTER_FINISH_MS);
      } else closing.end();
    });
    body.on('end', () => {
      try {
        if (!reader.done) reader.end();
        resolve(WHOLE);
      } catch (error) {
        fail(error);
      }
    });
    body.on('error', (cause) => resolve({ broken: true, cause }));
    body.on('close', () => {
      closing.end();
      resolve({ broken: true, cause: null });
    });
  });
}

/** How a body ended, if not by an error of its reader. */
export interface BodyEnd {
  readonly broken: boolean;
  readonly cause: unknown;
}

const WHOLE: BodyEnd = { broken: false, cause: null };

/** Ends a body that nobody needs any more, if it does not end by itself. */
class CloseTimer {
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly body: Readable) {}

  /** From now on, however long it was before. */
  atMost(ms: number): void {
    this.end();
    this.timer = setTimeout(() => this.body.destroy(), ms);
  }

  /** If it is not to end already. */
  orAtMost(ms: number): void {
    if (this.timer === null) this.atMost(ms);
  }

  end(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

/** Reads a body as text, up to `maxBytes` and no longer than `withinMs`; what came until then counts. Never rejects. */
export function readText(body: Readable, maxBytes: number, withinMs: number): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const timer = setTimeout(() => body.destroy(), withinMs);
    const settle = () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8'));
    };
    body.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= maxBytes) return;
      settle();
      body.destroy();
    });
    body.on('end', settle);
    body.on('error', settle);
    body.on('close', settle);
  });
}
