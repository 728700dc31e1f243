import type { AnswerChunk } from '../answers.port.js';

/**
 * Puts the chunks of one message in order, however often and in whatever order they come.
 *
 * A *run* is one stream of an answer: a delivery of an attempt. The newest run that was heard of counts; older ones are
 * dropped. Within a run chunks are given out from `seq` 1 without a gap; those behind a gap are held until it is filled
 * or given up.
 */
export class ChunkOrder {
  private attempt = 0;
  private delivery = 0;
  private nextSeq = 1;
  private readonly held = new Map<number, AnswerChunk>();
  private lost = false;

  /** Something is missing before what is held. */
  get hasGap(): boolean {
    return this.held.size > 0;
  }

  /** Takes a chunk, and returns those that may now be given out, in order. `restarted`: they begin a new run. */
  take(chunk: AnswerChunk): { readonly ready: readonly AnswerChunk[]; readonly restarted: boolean } {
    const newer = this.compare(chunk);
    if (newer > 0) this.begin(chunk);
    if (newer < 0 || this.lost || chunk.seq < this.nextSeq) return { ready: [], restarted: newer > 0 };
    this.held.set(chunk.seq, chunk);
    return { ready: this.release(), restarted: newer > 0 };
  }

  /** What is missing will not come: holds back the rest of this run, and keeps nothing of it. */
  giveUp(): void {
    this.lost = true;
    this.held.clear();
  }

  private compare({ attempt, delivery = 1 }: AnswerChunk): number {
    return attempt - this.attempt || delivery - this.delivery;
  }

  private begin({ attempt, delivery = 1 }: AnswerChunk): void {
    this.attempt = attempt;
    this.delivery = delivery;
    this.nextSeq = 1;
    this.held.clear();
    this.lost = false;
  }

  private release(): AnswerChunk[] {
    const ready: AnswerChunk[] = [];
    for (let chunk = this.held.get(this.nextSeq); chunk !== undefined; chunk = this.held.get(this.nextSeq)) {
      ready.push(chunk);
      this.held.delete(this.nextSeq);
      this.nextSeq += 1;
    }
    return ready;
  }
}
