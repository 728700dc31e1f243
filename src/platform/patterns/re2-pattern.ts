import { RE2JS, RE2JSException } from 're2js';

/** RE2's time is the text's length times the program's size at worst; with these limits that is some 50 ms. */
export const MAX_PATTERN_LENGTH = 256;
const MAX_PROGRAM_SIZE = 250;

/** A pattern that can't be used, told in the words of its compiler. */
export class InvalidPatternError extends Error {}

/**
 * RE2 never goes back: the time is linear in the text, whatever the pattern and whatever the text.
 *
 * @throws {InvalidPatternError}
 */
export function compilePattern(pattern: string): RE2JS {
  try {
    const compiled = RE2JS.compile(pattern);
    if (compiled.programSize() <= MAX_PROGRAM_SIZE) return compiled;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new InvalidPatternError(error.message);
  }
  throw new InvalidPatternError('is too large once compiled; use fewer or smaller repetitions');
}
