import { assertNever } from '../assert-never.js';
import {
  type AttemptError,
  type EventContext,
  type MessageContentErased,
  type MessageEvent,
  type ModelRequest,
  messageEvent,
} from './message.events.js';

interface SequencedEvent {
  readonly sequence: number;
  readonly event: MessageEvent;
}

/** Of a longer life only its beginning and its end are kept, and what made it live again: it has to fit into one event. */
export const MOST_KEPT = 100;

/**
 * What is left of a message without its content: its events, without what was asked, answered and said of either. It
 * takes the place of all of them. Null where they don't begin with the reception: then its content is gone already.
 *
 * @param life all events of a message that has ended
 */
export function eraseContent(
  context: EventContext,
  life: readonly SequencedEvent[],
  { by, reason }: { readonly by: string; readonly reason: string },
): MessageContentErased | null {
  if (life[0]?.event.type !== 'llmq.message.received.v1') return null;
  const half = MOST_KEPT / 2;
  const kept = life.filter(
    ({ event }, at) => at < half || at >= life.length - half || event.type === 'llmq.message.requeued.v1',
  );
  const events = kept.map(({ sequence, event }) => ({ sequence, event: { ...withoutContent(event) } }));
  return messageEvent(context, 'llmq.message.content-erased.v1', { by, reason, events });
}

/** The events that it holds, as they lay in the log. */
export function keptEvents({ data }: MessageContentErased): readonly SequencedEvent[] {
  return data.events as unknown as readonly SequencedEvent[];
}

function withoutContent(event: MessageEvent): MessageEvent {
  switch (event.type) {
    case 'llmq.message.received.v1':
      return { ...event, data: { ...event.data, request: emptied(event.data.request) } };
    case 'llmq.message.completed.v1': {
      const { extra: _, ...data } = event.data;
      return { ...event, data: { ...data, answer: { content: null } } };
    }
    case 'llmq.message.attempt-failed.v1':
    case 'llmq.message.dead-lettered.v1':
      return { ...event, data: { ...event.data, error: untold(event.data.error) } } as MessageEvent;
    case 'llmq.message.expired.v1': {
      const { error } = event.data;
      return error == null ? event : { ...event, data: { ...event.data, error: untold(error) } };
    }
    case 'llmq.message.deferred.v1': {
      const { remote: _, ...data } = event.data;
      return { ...event, data: { ...data, message: ERASED } };
    }
    case 'llmq.message.rerouted.v1': {
      const { from } = event.data;
      return { ...event, data: { ...event.data, from: { ...from, error: untold(from.error) } } };
    }
    case 'llmq.message.prioritized.v1':
    case 'llmq.message.scheduled.v1':
    case 'llmq.message.held.v1':
    case 'llmq.message.dispatched.v1':
    case 'llmq.message.requeued.v1':
    case 'llmq.message.dead-letter-discarded.v1':
    case 'llmq.message.cancelled.v1':
    case 'llmq.message.webhook-tried.v1':
    case 'llmq.message.webhook-wanted.v1':
    case 'llmq.message.content-erased.v1':
      return event;
    default:
      return assertNever(event);
  }
}

const ERASED = 'erased';

function emptied({ model, kind, routing }: ModelRequest): ModelRequest {
  return {
    ...{ model, parameters: {}, erased: true },
    ...(kind === undefined ? {} : { kind }),
    ...(routing === undefined ? {} : { routing }),
  };
}

/** Endpoints quote what they were sent. */
function untold({ code, retryable, status }: AttemptError): AttemptError {
  return { code, message: ERASED, retryable, status };
}
