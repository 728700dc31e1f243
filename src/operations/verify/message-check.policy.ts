import { assertNever } from '../../domain/assert-never.js';
import {
  isOfWebhook,
  isTerminal,
  type MessageDispatched,
  type MessageEvent,
} from '../../domain/message/message.events.js';
import { evolve, isTerminalStatus, type MessageState } from '../../domain/message/message.state.js';
import type { Finding, Rule } from './findings.policy.js';

/** What the check remembers of a message between its events. */
export interface CheckedMessage {
  readonly state: MessageState;
  /** Some event has put it into a lane. */
  readonly inLane: boolean;
  /** The calls that began, as `attempt/delivery`, in the present round (a requeue begins another). */
  readonly calls: ReadonlySet<string>;
  /** The call whose answer counts. */
  readonly answeredCall: string | null;
  /** The ids of its events so far: an append in doubt may have been stored twice. */
  readonly eventIds: ReadonlySet<string>;
}

export interface CheckedEvent {
  /** Null for an event of a message that was never received: there is nothing to remember. */
  readonly message: CheckedMessage | null;
  readonly findings: readonly Finding[];
}

/**
 * Checks whether a message in its state may have this event. The states come from the projection's fold, so that the
 * check and the projection can't disagree on what counts.
 */
export function checkMessageEvent(
  before: CheckedMessage | null,
  event: MessageEvent,
  sequence: number,
): CheckedEvent {
  const finding = (rule: Rule, detail: string): Finding => ({
    rule,
    sequence,
    subject: event.subject,
    detail,
  });
  if (before === null) {
    const begins =
      event.type === 'llmq.message.received.v1' || event.type === 'llmq.message.content-erased.v1';
    if (begins) return { message: begun(event, sequence), findings: [] };
    return { message: null, findings: [finding('orphan', `${event.type} of a message never received`)] };
  }
  if (before.eventIds.has(event.id)) {
    const message = { ...before, state: evolve(before.state, event, sequence) };
    return { message, findings: [finding('stored_twice', `${event.type} with the id ${event.id}`)] };
  }
  const findings = broken(before, event).map(([rule, detail]) => finding(rule, detail));
  return { message: after(before, event, sequence), findings };
}

type Breach = readonly [rule: Rule, detail: string];

function broken(before: CheckedMessage, event: MessageEvent): Breach[] {
  const { tenant, status } = before.state;
  if (event.tenant !== tenant) {
    return [['tenant_changed', `${event.type} is of tenant ${event.tenant}, the message of ${tenant}`]];
  }
  return isTerminalStatus(status) ? afterEnd(before, event) : whileAlive(before, event);
}

function afterEnd({ state, answeredCall }: CheckedMessage, event: MessageEvent): Breach[] {
  if (event.type === 'llmq.message.requeued.v1' || isOfWebhook(event)) return [];
  if (event.type === 'llmq.message.dead-letter-discarded.v1') return [];
  if (event.type === 'llmq.message.completed.v1' && callOf(event) === answeredCall) {
    return [['second_answer', `attempt and delivery ${answeredCall} were answered twice`]];
  }
  const rule = isTerminal(event) ? 'late_end' : 'late_event';
  return [[rule, `${event.type} came after the message was ${state.status}`]];
}

function whileAlive(before: CheckedMessage, event: MessageEvent): Breach[] {
  switch (event.type) {
    case 'llmq.message.received.v1':
      return [['received_again', 'its request is ignored']];
    case 'llmq.message.requeued.v1':
      return [['requeued_alive', `it was ${before.state.status}`]];
    case 'llmq.message.dispatched.v1':
      return dispatchBreaches(before, event);
    case 'llmq.message.completed.v1':
      return before.calls.has(callOf(event))
        ? []
        : [['end_without_call', `answered by attempt and delivery ${callOf(event)}, which never began`]];
    case 'llmq.message.attempt-failed.v1':
      // Without an endpoint it failed before a call could begin.
      return event.data.endpoint === null || before.calls.has(callOf(event))
        ? []
        : [['end_without_call', `attempt and delivery ${callOf(event)} failed and never began`]];
    case 'llmq.message.deferred.v1':
    case 'llmq.message.rerouted.v1':
      return before.calls.has(callOf(event))
        ? []
        : [
            [
              'end_without_call',
              `attempt and delivery ${callOf(event)} never began, and was ${event.type === 'llmq.message.deferred.v1' ? 'deferred' : 'rerouted'}`,
            ],
          ];
    case 'llmq.message.prioritized.v1':
    case 'llmq.message.scheduled.v1':
    case 'llmq.message.held.v1':
    case 'llmq.message.dead-lettered.v1':
    case 'llmq.message.dead-letter-discarded.v1':
    case 'llmq.message.cancelled.v1':
    case 'llmq.message.expired.v1':
    case 'llmq.message.content-erased.v1':
    case 'llmq.message.webhook-tried.v1':
    case 'llmq.message.webhook-wanted.v1':
      return [];
    default:
      return assertNever(event);
  }
}

function dispatchBreaches({ state, inLane }: CheckedMessage, { data }: MessageDispatched): Breach[] {
  // A slower worker reports an attempt that was given up meanwhile.
  if (data.attempt < state.currentAttempt) return [];
  if (data.attempt > state.currentAttempt) {
    return [
      ['attempt_skipped', `attempt ${data.attempt} began, attempt ${state.currentAttempt} was in the lane`],
    ];
  }
  if (!inLane) return [['not_in_lane', 'it was never put into a lane']];
  return state.status === 'scheduled' ? [['not_in_lane', `it was not due before ${state.scheduledAt}`]] : [];
}

function begun(event: MessageEvent, sequence: number): CheckedMessage {
  const state = evolve(null, event, sequence);
  return { state, inLane: false, calls: new Set(), answeredCall: null, eventIds: new Set([event.id]) };
}

function after(earlier: CheckedMessage, event: MessageEvent, sequence: number): CheckedMessage {
  const state = evolve(earlier.state, event, sequence);
  const before = { ...earlier, eventIds: new Set([...earlier.eventIds, event.id]) };
  if (event.type === 'llmq.message.prioritized.v1') return { ...before, state, inLane: true };
  if (event.type === 'llmq.message.requeued.v1') {
    return { ...before, state, calls: new Set(), answeredCall: null };
  }
  if (event.type === 'llmq.message.dispatched.v1') {
    return { ...before, state, calls: new Set([...before.calls, callOf(event)]) };
  }
  const counts = event.type === 'llmq.message.completed.v1' && state.terminalSequence === sequence;
  return counts ? { ...before, state, answeredCall: callOf(event) } : { ...before, state };
}

function callOf({
  data,
}: {
  readonly data: { readonly attempt: number; readonly delivery: number };
}): string {
  return `${data.attempt}/${data.delivery}`;
}
