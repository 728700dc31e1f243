const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_LIST = 0x5b;
const CLOSING_LIST = 0x5d;
const OPENING_OBJECT = 0x7b;
const CLOSING_OBJECT = 0x7d;

export interface JsonBounds {
  /** Of arrays and objects in each other. */
  readonly levels: number;
  /** Values in arrays and objects, over all of them. */
  readonly entries: number;
}

/** Whether JSON text in UTF-8 nests arrays and objects deeper than so many levels. What is not JSON may be told either way. */
export function nestsDeeper(json: Uint8Array, levels: number): boolean {
  return exceeds(json, { levels, entries: Number.POSITIVE_INFINITY });
}

/** Whether JSON text in UTF-8 has more of structure than that, looked at without making anything of it. */
export function exceeds(json: Uint8Array, { levels, entries }: JsonBounds): boolean {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < json.length && depth <= levels && values <= entries; at += 1) {
    const byte = json[at]!;
    if (byte === QUOTE) at = endOfText(json, at);
    else if (byte === COMMA) values += 1;
    else if (byte === OPENING_LIST || byte === OPENING_OBJECT) {
      depth += 1;
      values += 1;
    } else if (byte === CLOSING_LIST || byte === CLOSING_OBJECT) depth -= 1;
  }
  return depth > levels || values > entries;
}

/** Texts are most of what is long, so they are skipped by a search that runs natively. */
function endOfText(json: Uint8Array, start: number): number {
  let end = json.indexOf(QUOTE, start + 1);
  while (end !== -1 && isEscaped(json, end)) end = json.indexOf(QUOTE, end + 1);
  return end === -1 ? json.length : end;
}

/** An odd number of backslashes before it. */
function isEscaped(json: Uint8Array, at: number): boolean {
  let before = at;
  while (json[before - 1] === BACKSLASH) before -= 1;
  return (at - before) % 2 === 1;
}
