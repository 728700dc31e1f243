import type { Dispatcher } from 'undici';
import type { AnswerReader } from './answer-reader.js';
import { brokenStream } from './call-errors.js';

type Body = Dispatcher.ResponseData['body'];

/** How long after the last words an endpoint may take to send the usage and `[DONE]`. */
const AFTER_FINISH_MS = 5_000;
/** How long after `[DONE]` it may take to end the response, which makes the connection fit for the next call. */
const AFTER_DONE_MS = 1_000;

/**
 * Feeds the reader until the answer is done or the body ends, whichever is first; the rest of the body is read in the
 * background. An end or a break after the answer is finished is an end.
 *
 * @throws {ModelCallError} from the reader, or `broken_stream`
 */
export function readEventStream(body: Body, reader: AnswerReader, onBytes: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let linger: NodeJS.Timeout | null = null;
    const lingerAtMost = (ms: number) => {
      if (linger !== null) clearTimeout(linger);
      linger = setTimeout(() => body.destroy(), ms);
    };
    const onData = (bytes: Uint8Array) => {
      onBytes();
      if (reader.done) return;
      const wasFinished = reader.finished;
      try {
        reader.feed(bytes);
      } catch (error) {
        reject(error);
        body.destroy();
        return;
      }
      if (reader.done) {
        lingerAtMost(AFTER_DONE_MS);
        resolve();
      } else if (reader.finished && !wasFinished) lingerAtMost(AFTER_FINISH_MS);
    };
    body.on('data', onData);
    body.on('error', (error) => (reader.finished ? resolve() : reject(brokenStream(error))));
    body.on('close', () => {
      if (linger !== null) clearTimeout(linger);
      resolve();
    });
  });
}

export interface BodyText {
  readonly text: string;
  /** `too_large`: the text is cut. `broken`: the connection, or the patience, ended first. */
  readonly end: 'whole' | 'too_large' | 'broken';
}

/** Reads a body as text, up to `maxBytes` and, where given, no longer than `withinMs`. Never rejects. */
export function readText(body: Body, maxBytes: number, withinMs: number | null = null): Promise<BodyText> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const timer = withinMs === null ? null : setTimeout(() => body.destroy(), withinMs);
    const settle = (end: BodyText['end']) => {
      if (timer !== null) clearTimeout(timer);
      resolve({ text: Buffer.concat(chunks).toString('utf8'), end });
    };
    body.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= maxBytes) return;
      settle('too_large');
      body.destroy();
    });
    body.on('end', () => settle('whole'));
    body.on('error', () => settle('broken'));
    body.on('close', () => settle('broken'));
  });
}
