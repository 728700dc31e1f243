import { Inject, Injectable } from '@nestjs/common';
import type { Lane } from '../../domain/message/message.events.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { Work } from './work.js';

/** Messages buffered at most: enough to find work for other endpoints behind them, too few to weigh on the memory. */
const SMALLEST = 16;
const LARGEST = 1_000;
/**
 * A message that finds the buffer full goes back, for longer each time, so that the lane's messages for other models get
 * their turn behind ever more of them.
 */
const FIRST_DELAY_MS = 5_000;
const LONGEST_DELAY_MS = 300_000;

/**
 * Messages that were taken off their lanes and found every endpoint of their model busy. They wait here, so that
 * messages for other endpoints get past them; a limit keeps one model's backlog from filling the memory.
 */
@Injectable()
export class ModelBuffer {
  private readonly queues = new Map<Lane, Map<string, Work[]>>();
  private readonly capacity: number;
  private count = 0;

  constructor(
    @Inject(EndpointRegistry)
    private readonly registry: Pick<EndpointRegistry, 'isBusy' | 'defaultModel'>,
    @Inject(SERVICE_CONFIG) { queue }: ServiceConfig,
  ) {
    this.capacity = Math.min(LARGEST, Math.max(SMALLEST, queue.worker.concurrency));
  }

  get size(): number {
    return this.count;
  }

  get isFull(): boolean {
    return this.count >= this.capacity;
  }

  /** Models that messages wait for here, and that have no free place now. */
  get busyModels(): string[] {
    const models = [...this.queues.values()].flatMap((lane) =>
      [...lane].filter(([, queue]) => queue.length > 0).map(([model]) => model),
    );
    return models.filter((model) => this.registry.isBusy(model));
  }

  add(work: Work): void {
    const model = work.request.model ?? this.registry.defaultModel;
    const lane = this.queues.get(work.delivery.lane) ?? new Map<string, Work[]>();
    const queue = lane.get(model) ?? [];
    queue.push(work);
    lane.set(model, queue);
    this.queues.set(work.delivery.lane, lane);
    this.count += 1;
  }

  /** How many of the lane may find a place now. */
  ready(lane: Lane): number {
    if (this.count === 0) return 0;
    return this.readyQueues(lane).reduce((sum, queue) => sum + queue.length, 0);
  }

  /** The one of the lane that may find a place now and is the first in the log. */
  take(lane: Lane): Work | undefined {
    if (this.count === 0) return undefined;
    let first: Work[] | undefined;
    for (const queue of this.readyQueues(lane)) {
      if (first === undefined || queue[0]!.delivery.sequence < first[0]!.delivery.sequence) first = queue;
    }
    const work = first?.shift();
    if (work !== undefined) this.count -= 1;
    return work;
  }

  takeAll(): Work[] {
    const all = [...this.queues.values()].flatMap((lane) => [...lane.values()].flat());
    this.queues.clear();
    this.count = 0;
    return all;
  }

  private readyQueues(lane: Lane): Work[][] {
    const ready: Work[][] = [];
    for (const [model, queue] of this.queues.get(lane) ?? []) {
      if (queue.length > 0 && !this.registry.isBusy(model)) ready.push(queue);
    }
    return ready;
  }
}

/** @param delivery how often the message was handed out, from 1 */
export function fullBufferDelayMs(delivery: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (delivery - 1));
}
