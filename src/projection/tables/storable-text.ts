/** In UTF-16 units of at most three bytes. No index row may pass 2,704 bytes (a third of a page); two of these fit. */
const LONGEST_IDENTIFIER = 400;

const EVERY_NOT_TEXT = /[\0\p{Surrogate}]/gu;

/**
 * What PostgreSQL's `text` can hold: NUL and lone surrogates become U+FFFD. Intake refuses them in identifiers, but
 * names of models come from endpoints, and nothing that is in the log may stop the projector. Applied twice it changes
 * nothing more, so a row that was loaded and written again stays as it is.
 */
export function storableText(value: string): string {
  return value.isWellFormed() && !value.includes('\0') ? value : value.replace(EVERY_NOT_TEXT, '\uFFFD');
}

/** The same for what is indexed, cut to a length that an index row can hold. Valid identifiers are shorter. */
export function storableIdentifier(value: string): string {
  return storableText(value.length > LONGEST_IDENTIFIER ? value.slice(0, LONGEST_IDENTIFIER) : value);
}

/**
 * JSON text; `JSON.stringify` writes NUL and lone surrogates as escapes, which the type `json` keeps.
 * A value nested almost as deep as the stack allows could be stored as an event and still fail here, a few frames
 * further in; it is left out of the projection then (the log has it), rather than stopping all others.
 */
export function storableJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return '{"not_projected":"nested too deep"}';
    throw error;
  }
}
