import { compilePattern, InvalidPatternError } from '../patterns/re2-pattern.js';
import type { DeepReadonly, PriorityRuleConfig } from './config.schema.js';

/** What is wrong with a priority rule of the file that no key of it can tell by itself; null for nothing. */
export function problemOfRule(rule: DeepReadonly<PriorityRuleConfig>): string | null {
  const { keywords, pattern, metadata, min_tokens: least, max_tokens: most } = rule;
  if (keywords.length > 0 && pattern !== undefined) return 'has keywords and a pattern; make two rules of it';
  const tokens = least !== undefined || most !== undefined;
  if (keywords.length === 0 && pattern === undefined && Object.keys(metadata).length === 0 && !tokens) {
    return 'would match every message; give keywords, a pattern, metadata, min_tokens or max_tokens';
  }
  if (keywords.some((keyword) => keyword.trim() === '')) return 'has a keyword that is all spaces';
  if (least !== undefined && most !== undefined && least > most) return 'has min_tokens above max_tokens';
  return pattern === undefined ? null : problemOfPattern(pattern);
}

function problemOfPattern(pattern: string): string | null {
  try {
    compilePattern(pattern);
    return null;
  } catch (error) {
    if (error instanceof InvalidPatternError) return `has a pattern that can't be used: ${error.message}`;
    throw error;
  }
}
