import type { FieldProblem } from '../../submission/refusal.js';
import * as rules from '../../submission/submission-rules.policy.js';

/** Looks at the fields of one request, one after the other, and keeps all that is wrong: mostly nothing. */
export class FieldCheck {
  readonly problems: FieldProblem[] = [];

  /** A field that must be there. */
  wanted(field: string, value: unknown, rule: rules.Rule): void {
    const reason = value === undefined ? 'is missing' : rule(value);
    if (reason !== null) this.problems.push({ field, reason });
  }

  /** One that may be absent, or null. */
  ifThere(field: string, value: unknown, rule: rules.Rule): void {
    if (value !== undefined && value !== null) this.wanted(field, value, rule);
  }
}

export const boolean: rules.Rule = (value) => (typeof value === 'boolean' ? null : 'must be true or false');

export const streamOptions: rules.Rule = (value) => {
  if (!rules.isObject(value)) return 'must be an object';
  const { include_usage: usage, include_obfuscation: obfuscated, ...others } = value;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined)
    return `must not hold ${unknown.slice(0, 40)}: streams are made here, without it`;
  if (obfuscated !== undefined && obfuscated !== false) {
    return 'must not ask for include_obfuscation: streams are made here, without it';
  }
  return usage === undefined || typeof usage === 'boolean' ? null : 'must hold a boolean include_usage';
};
