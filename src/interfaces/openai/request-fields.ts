import type { FieldProblem } from '../../submission/refusal.js';
import * as rules from '../../submission/submission-rules.policy.js';

/** One for all: each request asks for some twenty fields, and mostly nothing is wrong. */
const NOTHING: FieldProblem[] = [];

/** A field that must be there: what is wrong with it. */
export function wrong(field: string, value: unknown, rule: rules.Rule): FieldProblem[] {
  if (value === undefined) return [{ field, reason: 'is missing' }];
  const reason = rule(value);
  return reason === null ? NOTHING : [{ field, reason }];
}

/** One that may be absent, or null. */
export function wrongIfThere(field: string, value: unknown, rule: rules.Rule): FieldProblem[] {
  return value === undefined || value === null ? NOTHING : wrong(field, value, rule);
}

export const boolean: rules.Rule = (value) => (typeof value === 'boolean' ? null : 'must be true or false');

export const streamOptions: rules.Rule = (value) => {
  if (!rules.isObject(value)) return 'must be an object';
  const usage = value['include_usage'];
  return usage === undefined || typeof usage === 'boolean' ? null : 'must hold a boolean include_usage';
};
