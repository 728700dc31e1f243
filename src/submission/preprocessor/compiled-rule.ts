import { RE2JS, RE2JSException } from 're2js';
import type { PriorityRule } from '../../domain/admin/admin.events.js';
import { holdsKeyword, normalised } from './keywords.policy.js';

/** RE2's time is the text's length times the program's size at worst; with these limits that is some 50 ms. */
export const MAX_PATTERN_LENGTH = 256;
const MAX_PROGRAM_SIZE = 250;

/** A text in the two forms that rules look at. */
export interface RuleText {
  readonly asWritten: string;
  readonly normalised: string;
}

export function ruleText(text: string): RuleText {
  return { asWritten: text, normalised: normalised(text) };
}

export interface CompiledRule {
  readonly rule: PriorityRule;
  matches(text: RuleText): boolean;
}

/** A pattern that can't be used, told in the words of its compiler. */
export class InvalidPatternError extends Error {}

/** @throws {InvalidPatternError} */
export function compileRule(rule: PriorityRule): CompiledRule {
  if (rule.kind === 'keywords') {
    const keywords = rule.keywords.map(normalised);
    return { rule, matches: (text) => keywords.some((keyword) => holdsKeyword(text.normalised, keyword)) };
  }
  const pattern = compilePattern(rule.pattern ?? '');
  return { rule, matches: (text) => pattern.test(text.asWritten) };
}

/** RE2 never goes back: the time is linear in the text, whatever the pattern and whatever the text. */
function compilePattern(pattern: string): RE2JS {
  try {
    const compiled = RE2JS.compile(pattern);
    if (compiled.programSize() <= MAX_PROGRAM_SIZE) return compiled;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new InvalidPatternError(error.message);
  }
  throw new InvalidPatternError('is too large once compiled; use fewer or smaller repetitions');
}
