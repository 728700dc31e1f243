import type { Lane } from '../../domain/message/message.events.js';
import type { EndpointPlaces } from './endpoint-places.js';
import type { Work } from './work.js';

/**
 * Messages that were taken off their lanes and found every endpoint of their model busy. They wait here, so that
 * messages for other endpoints get past them; a limit keeps one model's backlog from filling the memory.
 */
export class SetAside {
  private readonly queues = new Map<Lane, Map<string, Work[]>>();
  private count = 0;

  constructor(
    private readonly places: EndpointPlaces,
    private readonly capacity: number,
  ) {}

  get size(): number {
    return this.count;
  }

  get isFull(): boolean {
    return this.count >= this.capacity;
  }

  add(work: Work): void {
    const model = this.places.named(work.request.model);
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
      if (queue.length > 0 && !this.places.isBusy(model)) ready.push(queue);
    }
    return ready;
  }
}
