import { type Batch, hasEnded } from '../batch.state.js';
import type { BatchRecords } from '../nats/batch-records.js';

/** Another process carries the batch out, or may. Whoever meets this does nothing more. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

/**
 * A batch as its holder knows it. Clients write it too (they cancel), so each change is made of what is stored, and tried
 * again where that was changed meanwhile. Changes go one after the other.
 */
export class BatchRecord {
  private turn: Promise<unknown> = Promise.resolve();

  /** @param isHeld whether this process may still write */
  constructor(
    private readonly records: Pick<BatchRecords, 'read' | 'write'>,
    private batch: Batch,
    private revision: number,
    private readonly isHeld: () => boolean,
  ) {}

  get known(): Batch {
    return this.batch;
  }

  /** Reads what others have changed. @throws {LeaseLostError} where it is not there any more */
  refresh(): Promise<Batch> {
    return this.inTurn(() => this.read());
  }

  /** @throws {LeaseLostError} @throws {LogUnavailableError} it may be changed */
  change(of: (batch: Batch) => Batch): Promise<Batch> {
    return this.inTurn(async () => {
      for (;;) {
        const next = of(this.batch);
        if (next === this.batch) return next;
        if (!this.isHeld()) throw new LeaseLostError(`The lease of ${next.id} is not held any more.`);
        const revision = await this.records.write(next, this.revision);
        if (revision !== null) {
          this.revision = revision;
          this.batch = next;
          return next;
        }
        await this.read();
      }
    });
  }

  get hasEnded(): boolean {
    return hasEnded(this.batch);
  }

  private async read(): Promise<Batch> {
    const entry = await this.records.read(this.batch.tenant, this.batch.id);
    if (entry === null) throw new LeaseLostError(`The batch ${this.batch.id} is not there any more.`);
    this.batch = entry.value;
    this.revision = entry.revision;
    return this.batch;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.turn.then(work);
    this.turn = next.catch(() => undefined);
    return next;
  }
}
