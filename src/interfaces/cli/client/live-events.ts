import { setTimeout as sleep } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';
import type { ToldMessage } from '../messages/message-text.policy.js';
import type { Api } from './api.js';

/** What a stream of the service tells; docs/api.md says what each means. */
export type LiveEvent =
  | { readonly type: 'status' | 'ended'; readonly message_id: string; readonly message: ToldMessage }
  | { readonly type: 'piece'; readonly message_id: string; readonly delta: Delta }
  | { readonly type: 'restart'; readonly message_id: string };

export interface Delta {
  readonly content?: string | null;
  /** Of another choice than the first. */
  readonly index?: number;
}

interface Closed {
  readonly type: 'closed';
  readonly code: string;
  readonly message: string;
  readonly retry_after_seconds: number | null;
}

const WAIT_AFTER_CUT_MS = 1_000;
/** In a row, without an event between them. */
const MOST_CUTS = 60;

/**
 * Follows a stream, over all its cuts: each connection goes on behind the last event that was read.
 *
 * @throws {CommandError} when the service refuses, or ends it for good
 */
export async function* liveEvents(api: Api, path: string): AsyncGenerator<LiveEvent> {
  let lastId: string | null = null;
  let wasThere = false;
  for (let cuts = 0; cuts < MOST_CUTS; cuts += 1) {
    const headers: Record<string, string> = lastId === null ? {} : { 'last-event-id': lastId };
    const answer = await api.open('GET', path, { headers }).catch((error: unknown) => {
      if (wasThere && comesBack(error)) return null;
      throw error;
    });
    let wait = WAIT_AFTER_CUT_MS;
    if (answer === null) {
      await sleep(wait, undefined, { signal: api.signal });
      continue;
    }
    wasThere = true;
    // The end was read before.
    if (answer.status === 204 || answer.body === null) return;
    const frames = answer.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    try {
      for await (const { id, data } of frames) {
        const event = JSON.parse(data) as LiveEvent | Closed;
        if (event.type === 'closed') {
          wait = waitAfter(event);
          break;
        }
        if (id !== undefined) lastId = id;
        cuts = 0;
        yield event;
      }
    } catch (error) {
      api.signal.throwIfAborted();
      if (!isCut(error)) throw error;
    }
    await sleep(wait, undefined, { signal: api.signal });
  }
  throw new CommandError('The stream was cut again and again.', EXIT.notReached);
}

/** @throws {CommandError} where to come back is of no use */
function waitAfter({ code, message, retry_after_seconds: seconds }: Closed): number {
  if (code === 'not_found') throw new CommandError(message, EXIT.notFound);
  if (code === 'unauthorized') throw new CommandError(message, EXIT.notAllowed);
  return seconds === null ? WAIT_AFTER_CUT_MS : seconds * 1_000;
}

/** A service that starts anew is not there for a while. */
function comesBack(error: unknown): boolean {
  return (
    error instanceof CommandError && (error.exitCode === EXIT.notReached || error.exitCode === EXIT.busy)
  );
}

/** What Node says of a connection that broke while its body was read. */
function isCut(error: unknown): boolean {
  return error instanceof TypeError && /terminated|fetch|network|socket/i.test(error.message);
}
