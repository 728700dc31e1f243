import { MalformedEventError } from '../../log/event-log.errors.js';
import type { ColumnType, ColumnValue } from '../tables/table.js';
import { IsoTimes } from './iso-times.js';

const LONGEST_FIXED_VALUE = 4 + 16;
/** Shorter ones are cheaper to copy here than to hand over to Node's own code. */
const SHORT_TEXT = 32;
/** 2000-01-01T00:00:00Z, from where PostgreSQL counts its microseconds. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
const LARGEST_INTEGER = 2 ** 31 - 1;
const NO_NIBBLE = 0xff;
const HYPHEN = 45;
const UUID_LENGTH = 36;

const NIBBLES = new Uint8Array(256).fill(NO_NIBBLE);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  NIBBLES[digit.charCodeAt(0)] = value;
  NIBBLES[digit.toUpperCase().charCodeAt(0)] = value;
}

/**
 * Writes values as PostgreSQL's binary formats have them, each behind its length: the same in the elements of an array
 * (`array_recv`) and in the fields of `COPY ... (FORMAT binary)`.
 *
 * It is the projector's hottest code: no allocation for each value but what a longer buffer takes.
 */
export class ValueWriter {
  length = 0;
  private buffer: Buffer;
  private view: DataView;
  private readonly times = new IsoTimes();

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.view = new DataView(this.buffer.buffer);
  }

  /** What was written so far; nothing may be written behind it. */
  get written(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** What was written; what is written afterwards goes elsewhere. */
  take(): Buffer {
    const taken = this.written;
    this.buffer = Buffer.allocUnsafeSlow(Math.max(1_024, this.length));
    this.view = new DataView(this.buffer.buffer);
    this.length = 0;
    return taken;
  }

  value(type: ColumnType, value: ColumnValue): void {
    if (value === null) {
      this.int32(-1);
      return;
    }
    switch (type) {
      case 'text':
      case 'json':
        this.text(value as string);
        break;
      case 'uuid':
        this.uuid(value as string);
        break;
      case 'timestamptz':
        // A double holds the microseconds of far years only to a few of them; the columns round to milliseconds.
        this.int64((this.times.milliseconds(value as string) - POSTGRES_EPOCH_MS) * 1_000);
        break;
      case 'bigint':
        this.int64(value as number);
        break;
      case 'integer':
        this.int32(4);
        this.int32(clamped(value as number));
        break;
      case 'numeric':
        this.numeric(value as number);
        break;
      case 'double precision':
        this.float64(value as number);
        break;
      case 'boolean':
        this.int32(1);
        this.reserve(1);
        this.buffer[this.length] = value ? 1 : 0;
        this.length += 1;
    }
  }

  int16(value: number): void {
    this.reserve(2);
    this.view.setInt16(this.length, value);
    this.length += 2;
  }

  int32(value: number): void {
    this.reserve(4);
    this.view.setInt32(this.length, value);
    this.length += 4;
  }

  /** Overwrites what is there already. */
  int32At(position: number, value: number): void {
    this.view.setInt32(position, value);
  }

  private int64(value: number): void {
    const high = Math.floor(value / 2 ** 32);
    this.reserve(12);
    this.view.setInt32(this.length, 8);
    this.view.setInt32(this.length + 4, high);
    this.view.setUint32(this.length + 8, value - high * 2 ** 32);
    this.length += 12;
  }

  /** A whole number of any size, by its digits to base 10,000 (`numeric_recv`). */
  private numeric(value: number): void {
    const whole = Math.trunc(Math.abs(value));
    if (whole > Number.MAX_SAFE_INTEGER) {
      this.largeNumeric(whole, value < 0);
      return;
    }
    const count = digitsOf(whole);
    this.numericHead(count, value < 0);
    this.reserve(2 * count);
    for (let at = count - 1, rest = whole; at >= 0; at -= 1) {
      this.view.setInt16(this.length + 2 * at, rest % NUMERIC_BASE);
      rest = Math.floor(rest / NUMERIC_BASE);
    }
    this.length += 2 * count;
  }

  private largeNumeric(whole: number, isNegative: boolean): void {
    const groups = BigInt(whole)
      .toString()
      .match(/\d{1,4}(?=(?:\d{4})*$)/g)!;
    this.numericHead(groups.length, isNegative);
    for (const group of groups) this.int16(Number(group));
  }

  private numericHead(digits: number, isNegative: boolean): void {
    this.int32(8 + 2 * digits);
    this.int16(digits);
    this.int16(digits - 1);
    this.int16(isNegative ? NEGATIVE : 0);
    this.int16(0);
  }

  private float64(value: number): void {
    this.reserve(12);
    this.view.setInt32(this.length, 8);
    this.view.setFloat64(this.length + 4, value);
    this.length += 12;
  }

  /** @throws {MalformedEventError} for what is none: it may stop the projector, but not become another's id */
  private uuid(value: string): void {
    this.reserve(LONGEST_FIXED_VALUE);
    this.view.setInt32(this.length, 16);
    this.length += 4;
    const end = this.length + 16;
    for (let index = 0; this.length < end; index += 2) {
      if (value.charCodeAt(index) === HYPHEN) index += 1;
      const high = NIBBLES[value.charCodeAt(index)] ?? NO_NIBBLE;
      const low = NIBBLES[value.charCodeAt(index + 1)] ?? NO_NIBBLE;
      if (high === NO_NIBBLE || low === NO_NIBBLE) throw notUuid(value);
      this.buffer[this.length] = (high << 4) | low;
      this.length += 1;
    }
    if (value.length !== UUID_LENGTH) throw notUuid(value);
  }

  private text(value: string): void {
    this.reserve(4 + value.length * 3);
    const start = this.length + 4;
    const written = this.shortAscii(value, start) ?? this.buffer.write(value, start, 'utf8');
    this.view.setInt32(this.length, written);
    this.length = start + written;
  }

  /** Null where it is not short or not ASCII. */
  private shortAscii(value: string, at: number): number | null {
    if (value.length > SHORT_TEXT) return null;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return null;
      this.buffer[at + index] = code;
    }
    return value.length;
  }

  private reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}

function notUuid(value: string): MalformedEventError {
  return new MalformedEventError(`${JSON.stringify(value)} is not a UUID`);
}

/** Counts that no real message reaches: kept within the column, since a count must never stop the projector. */
function clamped(value: number): number {
  return Math.min(Math.trunc(value), LARGEST_INTEGER);
}

/** The sign of a `numeric`. */
const NEGATIVE = 0x4000;
const NUMERIC_BASE = 10_000;

/** To base 10,000; at least one. */
function digitsOf(whole: number): number {
  let count = 1;
  for (let rest = whole; rest >= NUMERIC_BASE; rest = Math.floor(rest / NUMERIC_BASE)) count += 1;
  return count;
}

/** PostgreSQL's element types by the OIDs that its binary array format names. */
const OIDS: Readonly<Record<ColumnType, number>> = {
  boolean: 16,
  bigint: 20,
  integer: 23,
  numeric: 1700,
  text: 25,
  json: 114,
  'double precision': 701,
  timestamptz: 1184,
  uuid: 2950,
};

const HEADER_BYTES = 20;
/**
 * What one value with its length takes: surely, or of a text usually. Memory outside of V8's heap that is taken and not
 * used costs too: it makes V8 collect garbage as if its own heap had grown by it.
 */
const EXPECTED_BYTES: Readonly<Record<ColumnType, number>> = {
  boolean: 5,
  bigint: 12,
  integer: 8,
  numeric: 24,
  text: 40,
  json: 512,
  'double precision': 12,
  timestamptz: 12,
  uuid: 20,
};
const MOST_AT_FIRST = 64 * 1024;

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

  /** @param values about how many there will be */
  constructor(
    private readonly type: ColumnType,
    values: number,
  ) {
    this.writer = new ValueWriter(Math.min(HEADER_BYTES + values * EXPECTED_BYTES[type], MOST_AT_FIRST));
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

  /** A parameter for `pg`, which sends a Buffer in binary. The array is at its end with it. */
  toBuffer(): Buffer {
    this.writer.int32At(HAS_NULL_AT, this.hasNull ? 1 : 0);
    this.writer.int32At(COUNT_AT, this.count);
    return this.writer.written;
  }
}
