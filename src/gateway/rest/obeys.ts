import { ValidateBy } from 'class-validator';
import type { Rule } from '../submission-rules.policy.js';

/** Puts a rule on a field of a DTO; the rule's words are the reason that a client reads. */
export function Obeys(rule: Rule): PropertyDecorator {
  return ValidateBy({
    name: 'obeys',
    validator: {
      validate: (value) => rule(value) === null,
      defaultMessage: (args) => rule(args?.value) ?? '',
    },
  });
}
