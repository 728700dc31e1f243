import type { WrittenTable } from '../tables/table.js';
import { ValueWriter } from '../write/value-writer.js';

/** What goes before the rows of a table, and behind them. */
export const COPY_BEGINNING = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
export const COPY_END = Buffer.from([0xff, 0xff]);
/** So much is handed over at once; a longer buffer would only be copied more often while it grows. */
const CHUNK_BYTES = 256 * 1024;

/** Rows of one table on their way into `COPY ... (FORMAT binary)`. */
export class CopyRows<R> {
  private readonly chunks: Buffer[] = [];
  private readonly writer = new ValueWriter(CHUNK_BYTES + 16 * 1024);
  private fullBytes = 0;
  count = 0;

  constructor(private readonly table: WrittenTable<R>) {}

  get bytes(): number {
    return this.fullBytes + this.writer.length;
  }

  append(row: R): void {
    const { columns } = this.table;
    this.count += 1;
    this.writer.int16(columns.length);
    for (let index = 0; index < columns.length; index += 1) {
      const column = columns[index]!;
      this.writer.value(column.type, column.value(row));
    }
    if (this.writer.length >= CHUNK_BYTES) this.endChunk();
  }

  statement(schema: string): string {
    const names = this.table.columns.map(({ name }) => name).join(', ');
    return `COPY "${schema}".${this.table.name} (${names}) FROM STDIN (FORMAT binary)`;
  }

  /** All rows, once. */
  takeChunks(): Buffer[] {
    if (this.writer.length > 0) this.endChunk();
    return this.chunks;
  }

  private endChunk(): void {
    this.fullBytes += this.writer.length;
    this.chunks.push(this.writer.take());
  }
}
