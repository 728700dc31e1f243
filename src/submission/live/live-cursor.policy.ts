/**
 * Where a follower of a conversation or a user stands.
 *
 * `told` is the sequence of the log up to which it was told of every message. `answers` holds what has to be known beside
 * it: how far it has each answer that is under way, and which ends it has behind that sequence.
 */
export interface LiveCursor {
  readonly told: number;
  readonly answers: ReadonlyMap<string, number>;
  /** There were more answers than an id holds: of any other message the client may have something too. */
  readonly cut: boolean;
}

/** What a client may send as an id, by any protocol. */
export const LONGEST_ID = 4_096;
/** Of so many answers at most, the last ones; 45 characters each. Other answers begin anew for whoever comes back. */
const MOST_ANSWERS = 90;
const CURSOR = /^v1c?\.[0-9a-z]{1,11}(?:\.[0-9a-f]{32}-[0-9a-z]{1,11})*$/;
const DASHES = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

export function cursorText({ told, answers, cut }: LiveCursor): string {
  const parts = [...answers]
    .slice(-MOST_ANSWERS)
    .map(([id, at]) => `.${id.replaceAll('-', '')}-${at.toString(36)}`);
  const kind = cut || answers.size > MOST_ANSWERS ? 'v1c' : 'v1';
  return `${kind}.${told.toString(36)}${parts.join('')}`;
}

/** Null for a text that `cursorText` did not make. */
export function cursorIn(text: string): LiveCursor | null {
  if (!CURSOR.test(text)) return null;
  const [kind, told, ...parts] = text.split('.');
  const answers = new Map<string, number>();
  for (const part of parts) {
    const [id, at] = part.split('-') as [string, string];
    answers.set(id.replace(DASHES, '$1-$2-$3-$4-$5'), Number.parseInt(at, 36));
  }
  const numbers = [Number.parseInt(told!, 36), ...answers.values()];
  return numbers.every(Number.isSafeInteger) ? { told: numbers[0]!, answers, cut: kind === 'v1c' } : null;
}
