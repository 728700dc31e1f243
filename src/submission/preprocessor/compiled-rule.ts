import type { PriorityRule } from '../../domain/admin/admin.events.js';
import { compilePattern } from '../../platform/patterns/re2-pattern.js';
import { holdsKeyword, normalised } from './keywords.policy.js';
import { meetsConditions, type RuleSubject } from './rule-conditions.policy.js';

/** A message in the forms that rules look at. */
export interface RuleText extends RuleSubject {
  readonly asWritten: string;
  readonly normalised: string;
}

export function ruleText(text: string, about: RuleSubject): RuleText {
  return { asWritten: text, normalised: normalised(text), ...about };
}

export interface CompiledRule {
  readonly rule: PriorityRule;
  matches(text: RuleText): boolean;
}

/** @throws {InvalidPatternError} */
export function compileRule(rule: PriorityRule): CompiledRule {
  const speaks = compiledWords(rule);
  return { rule, matches: (text) => meetsConditions(rule, text) && speaks(text) };
}

function compiledWords(rule: PriorityRule): (text: RuleText) => boolean {
  switch (rule.kind) {
    case 'any':
      return () => true;
    case 'keywords': {
      const keywords = rule.keywords.map(normalised);
      return (text) => keywords.some((keyword) => holdsKeyword(text.normalised, keyword));
    }
    case 'pattern': {
      const pattern = compilePattern(rule.pattern ?? '');
      return (text) => pattern.test(text.asWritten);
    }
  }
}
