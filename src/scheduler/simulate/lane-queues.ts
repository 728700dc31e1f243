import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import type { LaneReading } from '../policy/scale-inputs.policy.js';
import type { LanedRequest } from './trace.js';

interface Queue {
  readonly requests: LanedRequest[];
  /** Index of the head: a shift of a long array would cost its length. */
  head: number;
  waitingPromptTokens: number;
  running: number;
  arrived: number;
  arrivedTokens: number;
}

/** The lanes with what waits and runs in them, and the counters that the policy reads. */
export class LaneQueues {
  private readonly queues: Readonly<Record<Lane, Queue>> = {
    ...{ realtime: emptyQueue(), high: emptyQueue(), normal: emptyQueue(), low: emptyQueue() },
  };

  arrive(request: LanedRequest, answerTokensExpected: number): void {
    const queue = this.queues[request.lane];
    queue.requests.push(request);
    queue.waitingPromptTokens += request.promptTokens;
    queue.arrived += 1;
    queue.arrivedTokens += request.promptTokens + answerTokensExpected;
  }

  begin(lane: Lane): LanedRequest {
    const queue = this.queues[lane];
    const request = queue.requests[queue.head]!;
    queue.head += 1;
    queue.waitingPromptTokens -= request.promptTokens;
    queue.running += 1;
    return request;
  }

  end(lane: Lane): void {
    this.queues[lane].running -= 1;
  }

  waiting(lane: Lane): number {
    return this.queues[lane].requests.length - this.queues[lane].head;
  }

  running(lane: Lane): number {
    return this.queues[lane].running;
  }

  oldestMs(lane: Lane): number | null {
    const queue = this.queues[lane];
    return queue.requests[queue.head]?.atMs ?? null;
  }

  get waitingPromptTokens(): number {
    return LANES.reduce((sum, lane) => sum + this.queues[lane].waitingPromptTokens, 0);
  }

  reading(lane: Lane, nowMs: number, answerTokensExpected: number): LaneReading {
    const { waitingPromptTokens, running, arrived, arrivedTokens } = this.queues[lane];
    const waiting = this.waiting(lane);
    return {
      ...{ waiting, running, arrived, arrivedTokens, due: [] },
      oldestAgeMs: nowMs - (this.oldestMs(lane) ?? nowMs),
      waitingTokens: waitingPromptTokens + waiting * answerTokensExpected,
    };
  }
}

function emptyQueue(): Queue {
  return { requests: [], head: 0, waitingPromptTokens: 0, running: 0, arrived: 0, arrivedTokens: 0 };
}
