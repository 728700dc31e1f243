import type { AskForSummary } from '../../conversations/summarizer.js';
import type { Sources } from '../../platform/clock.js';
import type { Acquired, EndpointLease, EndpointRegistry } from '../endpoints/endpoint-registry.js';

/**
 * Calls for summaries, which take places at the endpoints as turns do. One that finds none takes the next that is freed,
 * before any message: on a system that is always full it would never get one otherwise.
 */
export function summaryCalls(
  registry: EndpointRegistry,
  sources: Sources,
  stopping: AbortSignal,
): AskForSummary {
  return async (request, timeoutMs) => {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]);
    const lease = await leaseOf(registry, request.model, signal);
    try {
      const call = { messageId: sources.newId(), request, model: lease.model, timeoutMs, signal };
      const { answer, model, usage } = await lease.endpoint.call({ ...call, onDelta: () => {} });
      const text = answer.content?.trim() ?? '';
      if (text === '') throw new Error(`Model ${model} was asked for a summary and gave no text.`);
      return { text, model, endpoint: lease.endpoint.name, usage };
    } finally {
      lease.release();
    }
  };
}

async function leaseOf(
  registry: EndpointRegistry,
  model: string | null,
  signal: AbortSignal,
): Promise<EndpointLease> {
  const leased = (acquired: Acquired): EndpointLease | null => {
    if (acquired.kind === 'unknown_model') throw new Error(`No endpoint serves ${model}.`);
    return acquired.kind === 'leased' ? acquired : null;
  };
  signal.throwIfAborted();
  const now = leased(registry.acquire(model));
  if (now !== null) return now;
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      stop();
      reject(signal.reason as Error);
    };
    const stop = registry.onFree(() => {
      const freed = leased(registry.acquire(model));
      if (freed === null) return;
      stop();
      signal.removeEventListener('abort', giveUp);
      resolve(freed);
    });
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
