import { isSampled, type TraceContext, traceOf } from '../../domain/trace-context.policy.js';

interface FoldedEvent {
  readonly event: TraceContext & { readonly subject: string; readonly type: string; readonly time: string };
}

/** What a transaction wrote of a message whose trace is kept. */
export interface ProjectedTrace {
  readonly messageId: string;
  readonly trace: TraceContext;
  readonly events: readonly string[];
  /** When the oldest of the events happened. */
  readonly happenedMs: number;
}

/** A transaction, as traces tell it. */
export interface ProjectedTraces {
  readonly traces: readonly ProjectedTrace[];
  /** When its first event was folded. */
  readonly fromMs: number;
  /** When it was committed. */
  readonly toMs: number;
}

/** One for each message and trace of it, in the order of the events. */
export function projectedTraces(folded: readonly FoldedEvent[]): ProjectedTrace[] {
  const found = new Map<string, ProjectedTrace & { readonly events: string[] }>();
  for (const { event } of folded) {
    const { subject: messageId, traceparent, type, time } = event;
    if (!isSampled(traceparent)) continue;
    const key = `${messageId} ${traceparent}`;
    const known = found.get(key);
    if (known === undefined) {
      found.set(key, { messageId, trace: traceOf(event), events: [type], happenedMs: Date.parse(time) });
    } else known.events.push(type);
  }
  return [...found.values()];
}

/** Longer than a projector is away when a server or the process of another one dies. */
const REPLAYED_AFTER_MS = 600_000;

/**
 * Whether this is history that is read again, as it is for empty tables: long after the message, whose trace was told then.
 */
export function isReplayed({ happenedMs }: ProjectedTrace, nowMs: number): boolean {
  return nowMs - happenedMs > REPLAYED_AFTER_MS;
}
