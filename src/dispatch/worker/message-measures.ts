import { Inject, Injectable } from '@nestjs/common';
import { elapsedMs } from '../../domain/message/dispatch.decision.js';
import type { MessageCompleted } from '../../domain/message/message.events.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { CALL_SECONDS, CALL_TOKENS, MESSAGE_SECONDS } from '../../platform/metrics/bucket-bounds.js';
import { TELEMETRY, type Telemetry } from '../../platform/telemetry/telemetry.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { EndedCall } from '../endpoints/registry/registry-events.js';
import type { LaneDelivery } from '../lanes/lane.port.js';

/** For a model that no endpoint of this process serves: its name is the client's to make up. */
const OTHER = 'other';
/** For a message that ended without a call. */
const NO_ENDPOINT = 'none';

const NANOS = 1e9;

/** How a message ended, as far as a worker ends it: what is cancelled or expires while it waits is ended elsewhere. */
export type MeasuredEnd = 'completed' | 'dead_lettered' | 'expired' | 'cancelled';

/**
 * What this worker's messages and calls took, used and cost, for `/metrics`. Models and endpoints are those that this
 * process knows; what it was told of one that is gone leaves with it.
 */
@Injectable()
export class MessageMeasures {
  private readonly wait;
  private readonly firstPiece;
  private readonly duration;
  private readonly calls;
  private readonly tokens;
  private readonly cost;

  constructor(
    @Inject(TELEMETRY) { measures }: Pick<Telemetry, 'measures'>,
    @Inject(EndpointRegistry) private readonly registry: EndpointRegistry,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {
    this.wait = measures.histogram(
      { name: 'llmq.message.wait_seconds', description: 'From a message in its lane to its first call' },
      ['lane', 'model'],
      MESSAGE_SECONDS,
    );
    this.firstPiece = measures.histogram(
      {
        name: 'llmq.message.first_piece_seconds',
        description: 'From the call of an answered message to the first piece of its answer',
      },
      ['lane', 'model', 'endpoint'],
      CALL_SECONDS,
    );
    this.duration = measures.histogram(
      { name: 'llmq.message.duration_seconds', description: 'From a message in its lane to its end' },
      ['lane', 'model', 'endpoint', 'outcome'],
      MESSAGE_SECONDS,
    );
    this.calls = measures.histogram(
      { name: 'llmq.call.duration_seconds', description: 'How long a call had its place at the endpoint' },
      ['model', 'endpoint', 'outcome'],
      MESSAGE_SECONDS,
    );
    this.tokens = measures.histogram(
      { name: 'llmq.message.tokens', description: 'Tokens of answered messages, estimated ones included' },
      ['model', 'endpoint', 'type'],
      CALL_TOKENS,
    );
    this.cost = measures.counter(
      {
        name: 'llmq.message.cost',
        description: 'What answered messages cost, in the currency of the prices',
      },
      ['model', 'endpoint'],
    );
    registry.events.on('ended', (call) => this.called(call));
    measures.beforeRead(() => this.forgetGone());
  }

  /** @param calledAt ISO 8601 */
  begun({ lane, event: { data }, delivery }: LaneDelivery, calledAt: string): void {
    // Later calls of a message are no end of its waiting.
    if (data.attempt > 1 || delivery > 1) return;
    this.wait
      .at({ lane, model: this.known(data.model) })
      .observe(elapsedMs(data.received_at, calledAt) / 1_000);
  }

  completed({ lane }: LaneDelivery, { data }: MessageCompleted): void {
    const { endpoint, accounting } = data;
    const model = this.known(data.model);
    this.duration.at({ lane, model, endpoint, outcome: 'completed' }).observe(data.total_ms / 1_000);
    if (data.first_token_ms !== null)
      this.firstPiece.at({ lane, model, endpoint }).observe(data.first_token_ms / 1_000);
    if (accounting == null) return;
    this.tokens.at({ model, endpoint, type: 'input' }).observe(accounting.input_tokens);
    this.tokens.at({ model, endpoint, type: 'output' }).observe(accounting.output_tokens);
    if (accounting.cost_nanos !== null) this.cost.at({ model, endpoint }).add(accounting.cost_nanos / NANOS);
  }

  /** @param endpoint the last that was called; null where none was */
  ended(
    { lane, event: { data } }: LaneDelivery,
    outcome: Exclude<MeasuredEnd, 'completed'>,
    endpoint: string | null = null,
  ): void {
    const about = { lane, model: this.known(data.model), endpoint: endpoint ?? NO_ENDPOINT };
    const now = new Date(this.sources.nowMs()).toISOString();
    this.duration.at({ ...about, outcome }).observe(elapsedMs(data.received_at, now) / 1_000);
  }

  private called({ model, endpoint, sign, tookMs }: EndedCall): void {
    const outcome = OUTCOMES[sign?.kind ?? 'untold'];
    this.calls.at({ model, endpoint, outcome }).observe(tookMs / 1_000);
  }

  private known(model: string | null | undefined): string {
    const name = model ?? this.registry.defaultModel;
    return this.registry.serves(name) ? name : OTHER;
  }

  private forgetGone(): void {
    const models = new Set([...this.registry.models().map(({ id }) => id), OTHER]);
    const endpoints = new Set([...this.registry.states().map(({ name }) => name), NO_ENDPOINT]);
    const { wait, firstPiece, duration, calls, tokens, cost } = this;
    const isGone = (about: { readonly model: string; readonly endpoint: string }) =>
      !models.has(about.model) || !endpoints.has(about.endpoint);
    for (const family of [firstPiece, duration, calls, tokens, cost]) family.forget(isGone);
    wait.forget(({ model }) => !models.has(model));
  }
}

/** In the words of the endpoints' statistics. */
const OUTCOMES = {
  answered: 'answered',
  failed: 'failed',
  not_now: 'refused',
  rejected: 'rejected',
  untold: 'untold',
} as const satisfies Record<NonNullable<EndedCall['sign']>['kind'] | 'untold', string>;
