import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Claims } from '../../conversations/claim.port.js';
import { ConversationContext } from '../../conversations/conversation-context.js';
import { Summarizer } from '../../conversations/summarizer.js';
import { tokenCount } from '../../conversations/token-count.js';
import { TurnGate } from '../../conversations/turn-gate.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { Sources } from '../../platform/clock.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import type { ConversationReader } from '../../projection/read/conversation-reader.js';
import type { MessageReader } from '../../projection/read/message-reader.js';
import type { ProjectionPosition } from '../../projection/read/projection-position.js';
import type { AnswerPublisher } from '../answers/answers.port.js';
import type { Cancellations } from '../cancellations/cancellations.port.js';
import type { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { Lanes, RetrySchedules } from '../lanes/lane.port.js';
import { type LaneOrder, laneOrder } from '../lanes/lane-order.policy.js';
import type { PausedLanes } from '../lanes/lane-pauses.js';
import { Attempts } from './attempt.js';
import { ConversationTurns } from './conversation-turns.js';
import { DurableSteps } from './durable-steps.js';
import { EarlierRuns } from './earlier-runs.js';
import { EndpointPlaces } from './endpoint-places.js';
import { Preparation } from './preparation.js';
import { RunningCalls } from './running-calls.js';
import { SetAside } from './set-aside.js';
import { Settlement } from './settlement.js';
import { Slots } from './slots.js';
import { summaryCalls } from './summary-calls.js';
import { Worker } from './worker.js';
import { WorkerCounters } from './worker-counters.js';

export interface WorkerSurroundings {
  readonly config: Pick<ServiceConfig, 'queue' | 'conversation'>;
  readonly log: EventLog;
  readonly lanes: Lanes;
  readonly pauses: PausedLanes;
  readonly schedules: RetrySchedules;
  readonly registry: EndpointRegistry;
  readonly answers: AnswerPublisher;
  readonly cancellations: Cancellations;
  readonly reader: Pick<MessageReader, 'state'>;
  readonly position: Pick<ProjectionPosition, 'waitFor'>;
  readonly conversations: Pick<ConversationReader, 'find' | 'turns' | 'placeOf'>;
  readonly claims: Claims;
  readonly sources: Sources;
  readonly logger: Logger;
}

/** Messages set aside at most: enough to find work for other endpoints behind them, too few to weigh on the memory. */
const FEWEST_SET_ASIDE = 16;
const MOST_SET_ASIDE = 1_000;
const FEWEST_SETTLING = 256;
/** How long a turn keeps its slot while the projection has yet to reach it. */
const GATE_WAIT_MS = 5_000;

/** One worker of this process, not yet started. */
export function assembleWorker(around: WorkerSurroundings): Worker {
  const { config, log, lanes, sources, logger, answers, cancellations } = around;
  const { concurrency } = config.queue.worker;
  const stopping = new AbortController();
  // Every message that waits for the log or the projection listens to it: hundreds are no leak.
  setMaxListeners(0, stopping.signal);
  const counters = new WorkerCounters();
  const calls = new RunningCalls();
  cancellations.onAdded((messageId) => calls.abortCancelled(messageId));
  const places = new EndpointPlaces(around.registry);
  const steps = new DurableSteps(log, around.schedules, stopping.signal, logger);
  const earlierRuns = earlierRunsOf(around, stopping.signal);
  const summarizer = summarizerOf(around, stopping.signal);
  const backoff = {
    kind: config.queue.retry.kind,
    baseDelayMs: config.queue.retry.base_delay_ms,
    maxDelayMs: config.queue.retry.max_delay_ms,
  };
  const parts = {
    ...{ lanes, places, calls, counters, stopping, logger, summarizer, pauses: around.pauses },
    // A slot that no endpoint has a place for is none: what is held back for `realtime` must be a place at an endpoint.
    slots: new Slots(orderOf(config, Math.min(concurrency, around.registry.places)), limitsOf(config)),
    setAside: new SetAside(places, Math.min(MOST_SET_ASIDE, Math.max(FEWEST_SET_ASIDE, concurrency))),
    preparation: new Preparation(log, earlierRuns, turnsOf(around, stopping.signal, summarizer)),
    attempts: new Attempts(
      `${hostname()}:${process.pid}`,
      steps,
      earlierRuns,
      answers,
      calls,
      cancellations,
      sources,
    ),
    settlement: new Settlement(steps, answers, cancellations, backoff, sources, counters),
  };
  return new Worker(parts, Math.max(FEWEST_SETTLING, 4 * concurrency));
}

function earlierRunsOf(around: WorkerSurroundings, stopping: AbortSignal): EarlierRuns {
  const { log, reader, position, cancellations, sources, config } = around;
  return new EarlierRuns(
    log,
    reader,
    position,
    cancellations,
    sources,
    config.queue.max_lost_calls,
    stopping,
  );
}

function orderOf({ queue: { levels, worker } }: Pick<ServiceConfig, 'queue'>, slots: number): LaneOrder {
  const minShare = {
    realtime: levels.realtime.min_share,
    high: levels.high.min_share,
    normal: levels.normal.min_share,
    low: levels.low.min_share,
  };
  return laneOrder({ slots, realtimeReserve: worker.realtime_reserve, minShare });
}

function turnsOf(
  { conversations, position, config }: WorkerSurroundings,
  stopping: AbortSignal,
  summarizer: Summarizer | null,
): ConversationTurns {
  const gate = new TurnGate(conversations, position, GATE_WAIT_MS);
  const context = new ConversationContext(conversations, tokenCount, config.conversation.max_context_tokens);
  return new ConversationTurns(gate, context, conversations, stopping, summarizer);
}

function summarizerOf(around: WorkerSurroundings, stopping: AbortSignal): Summarizer | null {
  const { log, position, claims, sources, logger } = around;
  const { max_context_tokens, summary } = around.config.conversation;
  if (summary.model === '') return null;
  const settings = {
    ...{ model: summary.model, prompt: summary.prompt, maxTokens: summary.max_tokens },
    ...{ timeoutMs: summary.timeout_ms, afterTokens: summary.after_tokens },
    maxInputTokens: max_context_tokens,
  };
  const ask = summaryCalls(around.registry, sources, stopping);
  const parts = { settings, log, position, claims, ask, sources, logger, stopping, counting: tokenCount };
  return new Summarizer({ ...parts, reader: around.conversations });
}

function limitsOf({ queue: { levels } }: Pick<ServiceConfig, 'queue'>) {
  return {
    realtime: levels.realtime.max_concurrent,
    high: levels.high.max_concurrent,
    normal: levels.normal.max_concurrent,
    low: levels.low.max_concurrent,
  };
}
