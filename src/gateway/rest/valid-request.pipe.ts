import type { PipeTransform, Type } from '@nestjs/common';
import { type ValidationError, validateSync } from 'class-validator';
import { type FieldProblem, invalidFields } from '../http/refused.error.js';
import { isObject } from '../submission-rules.policy.js';

/**
 * Checks a body or a query against the rules of a DTO's fields and refuses with all that is wrong, unknown fields
 * included.
 *
 * Nest's own ValidationPipe runs class-transformer over the whole value first, which copies chats and metadata of any
 * size and depth to no use: their parts have no classes. The fields alone make the instance here.
 */
export class ValidRequest<T extends object> implements PipeTransform<unknown, T> {
  constructor(private readonly dto: Type<T>) {}

  /** @throws {RefusedError} `invalid_fields` */
  transform(value: unknown): T {
    if (!isObject(value)) throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
    const instance = Object.assign(new this.dto(), value);
    const errors = validateSync(instance, {
      whitelist: true,
      forbidNonWhitelisted: true,
      validationError: { target: false, value: false },
    });
    if (errors.length > 0) throw invalidFields(errors.map(problemOf));
    return instance;
  }
}

function problemOf({ property, constraints = {} }: ValidationError): FieldProblem {
  const known = constraints['whitelistValidation'] === undefined;
  const reason = known ? Object.values(constraints).join('; ') : 'is not a known field';
  return { field: property.slice(0, 256), reason };
}
