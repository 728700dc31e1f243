import type { PipeTransform, Type } from '@nestjs/common';
import { type ValidationError, validateSync } from 'class-validator';
import { unkeptProblems } from '../../submission/kept-as-sent.js';
import { type FieldProblem, invalidFields, refused } from '../../submission/refusal.js';
import { isObject } from '../../submission/submission-rules.policy.js';
import { type FieldRule, rulesOf } from './obeys.js';

/** Of the name of a field that is not known. */
const MAX_NAME_LENGTH = 64;

const CURSOR = ['cursor', 'the next_cursor of the page before'] as const;
const OURS: Readonly<Record<string, readonly [field: string, what: string]>> = {
  page: CURSOR,
  offset: CURSOR,
  page_size: ['limit', 'how many a page has'],
  sort: ['order', 'asc or desc by time'],
};

/**
 * Checks a body or a query against the rules of a DTO's fields and refuses with all that is wrong, unknown fields
 * included. A field is known by its rule alone: names that every object has, like `constructor`, are as unknown as others.
 *
 * Nest's own ValidationPipe runs class-transformer over the whole value first, which copies chats and metadata of any
 * size and depth to no use: their parts have no classes. And class-validator looks up its metadata anew for each value,
 * some 5% of the time that a submission takes. So the rules alone are asked first, and class-validator only tells what
 * is wrong where something is.
 */
export class ValidRequest<T extends object> implements PipeTransform<unknown, T> {
  private readonly rules: ReadonlyMap<string, FieldRule>;

  constructor(private readonly dto: Type<T>) {
    this.rules = rulesOf(dto);
  }

  /** @throws {RefusedError} `invalid_fields`, or `invalid_json` where there is no body */
  transform(value: unknown): T {
    if (value === undefined) throw refused('invalid_json', 'The body is empty; it must be a JSON object.');
    if (!isObject(value)) throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
    const problems = this.problemsOf(value);
    if (problems.length > 0) throw invalidFields(problems);
    return Object.assign(new this.dto(), value);
  }

  private problemsOf(value: Record<string, unknown>): FieldProblem[] {
    const problems = this.obeys(value) ? [] : this.toldOf(value);
    for (const field of Object.keys(value)) {
      if (this.rules.has(field)) continue;
      problems.push({ field: field.slice(0, MAX_NAME_LENGTH), reason: this.unknown(field) });
    }
    const unkept = unkeptProblems(value, (field) => this.rules.get(field)?.keeps ?? 'all');
    return unkept.length === 0 ? problems : [...problems, ...unkept];
  }

  /** Lists go by other names elsewhere. */
  private unknown(field: string): string {
    const ours = Object.hasOwn(OURS, field) ? OURS[field] : undefined;
    return ours === undefined || !this.rules.has(ours[0])
      ? 'is not a known field'
      : `is not a known field: give ${ours[0]}, ${ours[1]}`;
  }

  private obeys(value: Record<string, unknown>): boolean {
    for (const [field, { rule, optional }] of this.rules) {
      const part = value[field];
      if (part === undefined || part === null ? !optional : rule(part) !== null) return false;
    }
    return true;
  }

  /** Known fields alone are shown to class-validator: one named `constructor` would make it look at another class. */
  private toldOf(value: Record<string, unknown>): FieldProblem[] {
    const known = Object.assign(
      new this.dto(),
      Object.fromEntries([...this.rules.keys()].map((field) => [field, value[field]])),
    );
    return validateSync(known, { validationError: { target: false, value: false } }).map(problemOf);
  }
}

function problemOf({ property, constraints = {} }: ValidationError): FieldProblem {
  return { field: property, reason: Object.values(constraints).join('; ') };
}
