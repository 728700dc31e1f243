/** A line of a file. Its number counts from 1; empty ones are passed over, and counted. */
export interface Line {
  readonly number: number;
  /** Null for one that is longer than may be: it is not kept. */
  readonly bytes: Buffer | null;
}

const NEW_LINE = 0x0a;
/** What some programs write in front of UTF-8. It belongs to no line, and no reader of JSON takes it. */
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** Cuts a content into its lines as it comes. No more than one line and one part of the content are in memory. */
export async function* linesOf(content: AsyncIterable<Uint8Array>, mostBytes: number): AsyncIterable<Line> {
  let number = 1;
  /** The beginning of a line whose end has not come. */
  let begun: Uint8Array[] = [];
  let length = 0;
  const take = (part: Uint8Array) => {
    length += part.length;
    if (length > mostBytes) begun = [];
    else if (part.length > 0) begun.push(part);
  };
  const line = (): Line => {
    const whole = length > mostBytes ? null : begun.length === 1 ? bufferOf(begun[0]!) : Buffer.concat(begun);
    const bytes = number === 1 && whole !== null ? withoutMark(whole) : whole;
    begun = [];
    length = 0;
    return { number, bytes };
  };
  for await (const part of content) {
    let from = 0;
    for (let to = part.indexOf(NEW_LINE); to !== -1; to = part.indexOf(NEW_LINE, from)) {
      take(part.subarray(from, to));
      from = to + 1;
      const whole = line();
      if (!isBlank(whole)) yield whole;
      number += 1;
    }
    take(part.subarray(from));
  }
  const last = line();
  if (!isBlank(last)) yield last;
}

function withoutMark(first: Buffer): Buffer {
  const begins = first.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  return begins ? first.subarray(BYTE_ORDER_MARK.length) : first;
}

function bufferOf(part: Uint8Array): Buffer {
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
}

/** Spaces and the carriage returns of some systems. */
function isBlank({ bytes }: Line): boolean {
  return bytes?.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09) === true;
}
