import type { ColumnType, ColumnValue } from '../tables/table.js';
import { ValueWriter } from './value-writer.js';

/** PostgreSQL's element types by the OIDs that its binary array format names. */
const OIDS: Readonly<Record<ColumnType, number>> = {
  boolean: 16,
  bigint: 20,
  integer: 23,
  text: 25,
  json: 114,
  'double precision': 701,
  timestamptz: 1184,
  uuid: 2950,
};

/** Where the header says whether there is a null among the elements, and how many there are. */
const HAS_NULL_AT = 4;
const COUNT_AT = 12;

/**
 * A one-dimensional array in PostgreSQL's binary format (`array_recv`): one column of many rows. Neither side has to
 * quote or parse, which for JSON, full of quotes, is most of the work of a textual array.
 */
export class BinaryArray {
  private readonly writer: ValueWriter;
  private count = 0;
  private hasNull = false;

  constructor(private readonly type: ColumnType) {
    this.writer = new ValueWriter(type === 'json' ? 64 * 1024 : 16 * 1024);
    for (const field of [1, 0, OIDS[type], 0, 1]) this.writer.int32(field);
  }

  get bytes(): number {
    return this.writer.length;
  }

  append(value: ColumnValue): void {
    this.count += 1;
    if (value === null) this.hasNull = true;
    this.writer.value(this.type, value);
  }

  /** A parameter for `pg`, which sends a Buffer in binary. */
  toBuffer(): Buffer {
    this.writer.int32At(HAS_NULL_AT, this.hasNull ? 1 : 0);
    this.writer.int32At(COUNT_AT, this.count);
    return this.writer.take();
  }
}
