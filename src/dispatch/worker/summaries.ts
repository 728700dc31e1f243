import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Claims } from '../../conversations/nats/claims.js';
import { type AskForSummary, Summarizer } from '../../conversations/summarizer.js';
import { tokenCount } from '../../conversations/token-count.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { CallSign } from '../endpoints/health/call-sign.state.js';
import { ModelCallError } from '../endpoints/model-endpoint.port.js';
import type { EndpointLease } from '../endpoints/registry/endpoint-lease.js';
import { Accountant } from './accountant.js';
import { failureOf } from './attempt-calls.js';
import { answeredSign, signOf } from './call-sign.js';
import { kindOf } from './failover.policy.js';
import { verdict } from './verdict.policy.js';
import { WorkerStop } from './worker-stop.js';

/** The summaries of long conversations, where they are configured; does nothing where they are not. */
@Injectable()
export class Summaries {
  private readonly summarizer: Summarizer | null;

  constructor(
    @Inject(SERVICE_CONFIG) { conversation }: ServiceConfig,
    @Inject(ConversationReader) reader: Pick<ConversationReader, 'find' | 'turns'>,
    @Inject(EVENT_LOG) log: Pick<EventLog, 'append'>,
    @Inject(ProjectionPosition) position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(Claims) claims: Claims,
    @Inject(EndpointRegistry) registry: EndpointRegistry,
    @Inject(Accountant) accountant: Accountant,
    @Inject(WorkerStop) { signal: stopping }: WorkerStop,
    @Inject(SOURCES) sources: Sources,
    @Inject(LOGGER) logger: Logger,
  ) {
    const { summary, max_context_tokens, part_tokens: counted } = conversation;
    const measuring = async () => ({ count: await tokenCount(), parts: counted });
    const settings = {
      ...{ model: summary.model, prompt: summary.prompt, maxTokens: summary.max_tokens },
      ...{ timeoutMs: summary.timeout_ms, afterTokens: summary.after_tokens },
      maxInputTokens: max_context_tokens,
    };
    const ask = summaryCalls(registry, accountant, sources, stopping);
    const parts = { settings, reader, log, position, claims, ask, sources, logger, stopping };
    this.summarizer = summary.model === '' ? null : new Summarizer({ ...parts, measuring });
  }

  /** To be told of each turn's context. Returns at once. */
  consider(...turn: Parameters<Summarizer['consider']>): void {
    this.summarizer?.consider(...turn);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.summarizer?.idle();
  }
}

/**
 * Calls for summaries, which take places at the endpoints as turns do. One that finds none takes the next that is freed,
 * before any message: on a system that is always full it would never get one otherwise.
 */
export function summaryCalls(
  registry: EndpointRegistry,
  accountant: Pick<Accountant, 'of'>,
  sources: Sources,
  stopping: AbortSignal,
): AskForSummary {
  return async (request, timeoutMs) => {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]);
    const lease = await registry.acquireNext(request.model, signal);
    if (lease.kind === 'unknown_model') throw new Error(`No endpoint serves ${request.model}.`);
    try {
      const call = { messageId: sources.newId(), request, model: lease.offer.upstream, timeoutMs, signal };
      const answered = await lease.endpoint.call({ ...call, onDelta: () => {} });
      const accounting = await accountant.of(request, lease, answered);
      lease.ended(answeredSign(answered, accounting));
      const { answer, model, usage } = answered;
      const text = answer.content?.trim() ?? '';
      if (text === '') throw new Error(`Model ${model} was asked for a summary and gave no text.`);
      return { text, model, endpoint: lease.endpoint.name, usage, accounting };
    } catch (error) {
      if (error instanceof ModelCallError && !error.unsent) lease.ended(signOfFailure(error, lease));
      throw error;
    } finally {
      lease.release();
    }
  };
}

/** As a message's call would tell it. */
function signOfFailure(error: ModelCallError, { endpoint, model }: EndpointLease): CallSign {
  const failure = failureOf(error, endpoint.name);
  const kind = kindOf(failure, false);
  return signOf({ endpoint: endpoint.name, model, kind, failure, error: verdict(failure).error });
}
