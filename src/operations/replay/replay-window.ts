import {
  isWanted,
  type Outcome,
  type PastMessage,
  type ReplayChanges,
  type ReplayFilter,
  replayBody,
} from './replay.policy.js';
import { type ServiceClient, type ServiceJson, ServiceRefusalError } from './service-client.js';

export interface ReplayWindow {
  /** Inclusive, ISO 8601. */
  readonly from: string;
  /** Exclusive, ISO 8601. */
  readonly to: string;
  readonly filter: ReplayFilter;
}

/** A message, its repetition, and how both ended. `replay` is null on a dry run; `error` says why it was not submitted. */
export interface ReplayedMessage {
  readonly id: string;
  readonly replayId: string | null;
  readonly original: Outcome;
  readonly replay: Outcome | null;
  readonly error: string | null;
}

export interface ReplayRun {
  /** Makes submissions of one run distinct from those of another. */
  readonly runId: string;
  readonly changes: ReplayChanges;
  readonly dryRun: boolean;
  /** Messages under way at once. */
  readonly atOnce: number;
  /** How long to wait for one answer, in milliseconds. */
  readonly answerTimeoutMs: number;
  readonly steadyMs: () => number;
}

const PAGE = 200;
const ENDED = ['completed', 'failed', 'cancelled', 'expired'];

/** The ids of the window's messages, oldest first. Messages that repeat another one are left out, and those whose content was erased. */
export async function findWindow(
  client: ServiceClient,
  { from, to, filter }: ReplayWindow,
): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = null; ; ) {
    const query = new URLSearchParams({
      ...filter.query,
      ...{ created_after: from, created_before: to, limit: String(PAGE) },
      ...(cursor === null ? {} : { cursor }),
    });
    const page = await client.get(`/api/v1/messages?${query}`);
    for (const message of page.data) {
      if (message.content_erased !== true && isWanted(filter, message)) ids.push(message.id);
    }
    cursor = page.next_cursor;
    if (cursor === null) return ids.reverse();
  }
}

/** Repeats the messages, some at once, and hands over each pair as soon as both answers are there. */
export async function replayAll(
  client: ServiceClient,
  ids: readonly string[],
  run: ReplayRun,
  done: (message: ReplayedMessage) => void,
): Promise<void> {
  let next = 0;
  const goOn = async () => {
    while (next < ids.length) {
      const message = await replayOne(client, ids[next++]!, run);
      if (message !== null) done(message);
    }
  };
  await Promise.all(Array.from({ length: Math.min(run.atOnce, ids.length) }, goOn));
}

/** @throws {ServiceRefusalError} when the service does not serve the model */
export async function refuseUnserved(client: ServiceClient, model: string): Promise<void> {
  const served: string[] = (await client.get('/v1/models')).data.map(({ id }: ServiceJson) => id);
  if (served.includes(model)) return;
  throw new ServiceRefusalError(`The service has no model ${model}; it serves ${served.join(', ')}.`);
}

/** Null for a message that is a repetition itself, and for what was only noted: no model was asked. */
async function replayOne(client: ServiceClient, id: string, run: ReplayRun): Promise<ReplayedMessage | null> {
  const { data: events } = await client.get(`/api/v1/messages/${id}/events`);
  const received = events.find(({ type }: ServiceJson) => type === 'llmq.message.received.v1')?.data;
  if (received === undefined || received.replay_of != null || received.request.noted === true) return null;
  const before = await client.get(`/api/v1/messages/${id}`);
  const original = outcomeOf(before, events);
  const told = { id, replayId: null, original, replay: null, error: null };
  if (run.dryRun) return told;
  const past = pastMessage(id, received, before.priority);
  try {
    const key = `replay-${run.runId}-${id}`;
    const accepted = await client.post('/api/v1/messages', replayBody(past, run.changes), key);
    const replay = await answerOf(client, accepted.id, run);
    return { ...told, replayId: accepted.id, replay };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'service_refused') throw error;
    return { ...told, error: (error as Error).message };
  }
}

async function answerOf(client: ServiceClient, id: string, run: ReplayRun): Promise<Outcome> {
  const deadline = run.steadyMs() + run.answerTimeoutMs;
  for (;;) {
    const message = await client.get(`/api/v1/messages/${id}?wait=30s`);
    if (ENDED.includes(message.status) || run.steadyMs() >= deadline) {
      return outcomeOf(message, (await client.get(`/api/v1/messages/${id}/events`)).data);
    }
  }
}

function pastMessage(id: string, received: ServiceJson, priority: PastMessage['priority']): PastMessage {
  const { user_id: userId, request, metadata, max_retries: maxRetries, timeout_ms: timeoutMs } = received;
  return { id, userId, request, metadata, maxRetries, timeoutMs, priority };
}

function outcomeOf(message: ServiceJson, events: readonly ServiceJson[]): Outcome {
  const { result, status, error, model } = message;
  const completed = events.find(({ type }) => type === 'llmq.message.completed.v1')?.data;
  const answered = status === 'completed' && completed !== undefined;
  return {
    status,
    model: result?.model ?? model,
    length: result?.content?.length ?? null,
    finishReason: result?.finish_reason ?? null,
    promptTokens: result?.usage?.prompt_tokens ?? null,
    completionTokens: result?.usage?.completion_tokens ?? null,
    waitedMs: answered ? completed.queue_ms : null,
    callMs: answered ? completed.total_ms - completed.queue_ms : null,
    error: error === null ? null : error.code,
  };
}
