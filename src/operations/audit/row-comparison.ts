import type { ProjectedMessages } from '../../projection/read/projected-messages.js';
import type { Finding } from './findings.policy.js';
import { checkRow, type ExpectedMessage } from './row-check.policy.js';

const AT_ONCE = 500;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Holds messages of the log against PostgreSQL's rows, some hundred at a time. */
export class RowComparison {
  private readonly waiting: ExpectedMessage[] = [];

  /** @param applied as far as the tables had come; later events are not to be found there yet */
  constructor(
    private readonly projected: ProjectedMessages,
    private readonly applied: number,
    private readonly found: (finding: Finding) => void,
  ) {}

  add(message: ExpectedMessage): void {
    if (message.state.lastSequence <= this.applied && UUID.test(message.state.id)) this.waiting.push(message);
  }

  async whenMany(): Promise<void> {
    if (this.waiting.length >= AT_ONCE) await this.compare();
  }

  async compare(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, AT_ONCE);
      const ids = batch.map(({ state }) => state.id);
      const [rows, results] = await Promise.all([this.projected.states(ids), this.projected.results(ids)]);
      const missing = ids.filter((id) => !rows.has(id));
      const erased = missing.length === 0 ? new Set<string>() : await this.projected.erased(missing);
      for (const message of batch) {
        const { id } = message.state;
        if (erased.has(id)) continue;
        for (const finding of checkRow(message, rows.get(id) ?? null, results.get(id) ?? null))
          this.found(finding);
      }
    }
  }
}
