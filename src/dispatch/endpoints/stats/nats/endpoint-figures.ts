import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { SOURCES, type Sources } from '../../../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../../platform/config/service-config.js';
import { NATS } from '../../../../platform/tokens.js';
import { EndpointRegistry } from '../../endpoint-registry.js';
import type { DeploymentName } from '../../registry/deployment.js';
import type { EndedCall } from '../../registry/registry-events.js';
import { added, type CallCounts, CallTally, NO_CALLS } from '../call-counts.state.js';

/** Core NATS, stored by no stream: what was missed is made good by the next telling of everything. */
const COUNTS = 'llmq.endpoints.counts';
const WANTED = 'llmq.endpoints.counts.wanted';

const TELL_EVERY_MS = 1_000;
/** Every so many times all is told, in place of what has changed. */
const ALL_EVERY = 30;
const MAX_PER_MESSAGE = 200;
/** So long after a worker was last heard, its calls are not counted as under way: it is dead. */
const ALIVE_MS = 5_000;
/** Then what it did is kept in a sum, and it is forgotten. */
const FORGOTTEN_MS = 600_000;

const count = z.number().int().nonnegative();
const latencies = z.record(z.string(), count);
const toldSchema = z.object({
  member: z.string().min(1),
  /** It tells nothing more. */
  last: z.boolean(),
  figures: z.array(
    z.object({
      ...{ endpoint: z.string(), model: z.string() },
      counts: z.object({
        ...{ running: count, answered: count, failed: count, refused: count, rejected: count, untold: count },
        ...{ tokens: count, firstPiece: latencies, total: latencies },
      }),
    }),
  ),
});
type Told = z.infer<typeof toldSchema>;

/** Counts by endpoint and model. */
type Figures<Counts extends CallCounts = CallCounts> = Map<string, Map<string, Counts>>;

interface Member {
  readonly figures: Figures;
  heardMs: number;
}

/**
 * What became of the calls to each deployment, over all workers: each tells the others once a second what has changed. A
 * worker's counts begin with its start; those of one that has ended count for as long as this process runs.
 */
@Injectable()
export class EndpointFigures {
  private readonly own: Figures<CallTally> = new Map();
  private readonly changed = new Set<string>();
  private readonly members = new Map<string, Member>();
  private readonly past: Figures = new Map();
  private readonly member: string;
  private readonly tells: boolean;
  private timer: NodeJS.Timeout | null = null;
  private tellings = 0;
  private endings: (() => void)[] = [];

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(EndpointRegistry) private readonly registry: EndpointRegistry,
    @Inject(SERVICE_CONFIG) { roles }: ServiceConfig,
    @Inject(SOURCES) { newId }: Pick<Sources, 'newId'>,
  ) {
    this.member = newId();
    this.tells = roles.has('worker');
  }

  start(): void {
    const began = (call: DeploymentName) => this.tallyOf(call).began();
    const ended = (call: EndedCall) => this.tallyOf(call).ended(call.sign, call.tookMs);
    this.registry.events.on('began', began).on('ended', ended);
    this.endings = [
      () => this.registry.events.off('began', began).off('ended', ended),
      this.on(COUNTS, (data) => this.heard(data)),
      this.on(WANTED, () => this.tell({ all: true })),
    ];
    if (this.tells) this.timer = setInterval(() => this.tell({}), TELL_EVERY_MS);
    this.publish(WANTED, {});
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.tell({ all: true, last: true });
    for (const end of this.endings.splice(0)) end();
  }

  /** By model, over all workers. */
  of(endpoint: string): ReadonlyMap<string, CallCounts> {
    const nowMs = performance.now();
    this.forgetSilent(nowMs);
    const sum = new Map<string, CallCounts>(this.own.get(endpoint));
    addTo(sum, this.past.get(endpoint));
    for (const { figures, heardMs } of this.members.values()) {
      const isAlive = nowMs - heardMs < ALIVE_MS;
      addTo(sum, figures.get(endpoint), isAlive ? {} : { running: 0 });
    }
    return sum;
  }

  /** To be counted in. */
  private tallyOf({ endpoint, model }: DeploymentName): CallTally {
    this.changed.add(endpoint);
    const models = modelsOf(this.own, endpoint);
    const known = models.get(model);
    if (known !== undefined) return known;
    const tally = new CallTally();
    models.set(model, tally);
    return tally;
  }

  /** An empty message, too: who has nothing to tell is alive. */
  private tell({ all = false, last = false }: { all?: boolean; last?: boolean }): void {
    if (!this.tells) return;
    this.tellings += 1;
    const everything = all || this.tellings % ALL_EVERY === 0;
    const figures = [...this.own].flatMap(([endpoint, models]) =>
      everything || this.changed.has(endpoint)
        ? [...models].map(([model, counts]) => ({ endpoint, model, counts }))
        : [],
    );
    this.changed.clear();
    for (let at = 0; at === 0 || at < figures.length; at += MAX_PER_MESSAGE) {
      const part = figures.slice(at, at + MAX_PER_MESSAGE);
      const isLast = last && at + MAX_PER_MESSAGE >= figures.length;
      this.publish(COUNTS, { member: this.member, last: isLast, figures: part } satisfies Told);
    }
  }

  private heard(data: Uint8Array): void {
    const told = decoded(data);
    if (told === null || told.member === this.member) return;
    const known = this.members.get(told.member);
    const member = known ?? { figures: new Map(), heardMs: 0 };
    member.heardMs = performance.now();
    for (const { endpoint, model, counts } of told.figures) {
      modelsOf(member.figures, endpoint).set(model, counts);
    }
    if (told.last) this.forget(told.member, member);
    else this.members.set(told.member, member);
  }

  private forgetSilent(nowMs: number): void {
    for (const [name, member] of this.members) {
      if (nowMs - member.heardMs > FORGOTTEN_MS) this.forget(name, member);
    }
  }

  private forget(name: string, { figures }: Member): void {
    this.members.delete(name);
    for (const [endpoint, models] of figures) addTo(modelsOf(this.past, endpoint), models, { running: 0 });
  }

  /** Nothing while the connection ends. */
  private publish(subject: string, body: object): void {
    if (this.nats.isClosed() || this.nats.isDraining()) return;
    this.nats.publish(subject, JSON.stringify(body));
  }

  private on(subject: string, heard: (data: Uint8Array) => void): () => void {
    const subscription = this.nats.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) heard(message.data);
      },
    });
    return () => subscription.unsubscribe();
  }
}

function modelsOf<Counts extends CallCounts>(
  figures: Figures<Counts>,
  endpoint: string,
): Map<string, Counts> {
  const known = figures.get(endpoint);
  if (known !== undefined) return known;
  const models = new Map<string, Counts>();
  figures.set(endpoint, models);
  return models;
}

function addTo(
  sum: Map<string, CallCounts>,
  models: ReadonlyMap<string, CallCounts> | undefined,
  but: Partial<CallCounts> = {},
): void {
  for (const [model, counts] of models ?? []) {
    sum.set(model, added(sum.get(model) ?? NO_CALLS, { ...counts, ...but }));
  }
}

/** What does not fit the schema is passed over: another version may have sent it. */
function decoded(data: Uint8Array): Told | null {
  try {
    return toldSchema.safeParse(JSON.parse(new TextDecoder().decode(data))).data ?? null;
  } catch {
    return null;
  }
}
