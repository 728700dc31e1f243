/**
 * Where a follower of a conversation or a user stands.
 *
 * `told` is the sequence of the log up to which it was told of every message. `answers` holds what has to be known beside
 * it: how far it has each answer that is under way, and which ends it has behind that sequence.
 */
export interface LiveCursor {
  readonly told: number;
  readonly answers: ReadonlyMap<string, number>;
}

/** Of so many answers at most; a header has to hold it. Of others, whoever comes back is told again. */
const MOST_ANSWERS = 100;
const CURSOR = /^v1\.[0-9a-z]{1,11}(?:\.[0-9a-f]{32}-[0-9a-z]{1,11})*$/;
const DASHES = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

export function cursorText({ told, answers }: LiveCursor): string {
  const parts = [...answers]
    .slice(-MOST_ANSWERS)
    .map(([id, at]) => `.${id.replaceAll('-', '')}-${at.toString(36)}`);
  return `v1.${told.toString(36)}${parts.join('')}`;
}

/** Null for a text that `cursorText` did not make. */
export function cursorIn(text: string): LiveCursor | null {
  if (!CURSOR.test(text)) return null;
  const [, told, ...parts] = text.split('.');
  const answers = new Map<string, number>();
  for (const part of parts) {
    const [id, at] = part.split('-') as [string, string];
    answers.set(id.replace(DASHES, '$1-$2-$3-$4-$5'), Number.parseInt(at, 36));
  }
  const numbers = [Number.parseInt(told!, 36), ...answers.values()];
  return numbers.every(Number.isSafeInteger) ? { told: numbers[0]!, answers } : null;
}
