import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, ValidateBy } from 'class-validator';
import type { Keeps } from '../../submission/kept-as-sent.js';
import type { Rule } from '../../submission/submission-rules.policy.js';

export interface FieldRule {
  readonly rule: Rule;
  readonly optional: boolean;
  /** What goes on as it was written; of what is checked apart, `all`. */
  readonly keeps: Keeps;
}

const RULES = Symbol('rules');

/** Puts a rule on a field of a DTO; the rule's words are the reason that a client reads. */
export function Obeys(rule: Rule, keeps: Keeps = 'none'): PropertyDecorator {
  return (target, property) => {
    remember(target, String(property), { rule, optional: false, keeps });
    checkedBy(rule)(target, property);
  };
}

/** The same for a field that may be absent, or null; its description says so. */
export function MayObey(rule: Rule, keeps: Keeps = 'none'): PropertyDecorator {
  return (target, property) => {
    remember(target, String(property), { rule, optional: true, keeps });
    ApiProperty({ nullable: true, required: false })(target, property);
    IsOptional()(target, property);
    checkedBy(rule)(target, property);
  };
}

const DESCRIBED = 'swagger/apiModelProperties';

/** For a class that must have fields which the class that it extends may leave out: its description says so. */
export function Wants(...fields: readonly string[]): ClassDecorator {
  return ({ prototype }) => {
    for (const field of fields) {
      const optional = Reflect.getMetadata(DESCRIBED, prototype, field);
      ApiProperty({ ...optional, required: true, nullable: false })(prototype, field);
    }
  };
}

/** The rules of a DTO's fields, by their names, with those of the class that it extends. */
export function rulesOf(dto: { readonly prototype: object }): ReadonlyMap<string, FieldRule> {
  return Reflect.getMetadata(RULES, dto.prototype) ?? new Map();
}

function remember(target: object, property: string, rule: FieldRule): void {
  const inherited: ReadonlyMap<string, FieldRule> = Reflect.getMetadata(RULES, target) ?? new Map();
  Reflect.defineMetadata(RULES, new Map(inherited).set(property, rule), target);
}

function checkedBy(rule: Rule): PropertyDecorator {
  return ValidateBy({
    name: 'obeys',
    validator: {
      validate: (value) => rule(value) === null,
      defaultMessage: (args) => rule(args?.value) ?? '',
    },
  });
}
