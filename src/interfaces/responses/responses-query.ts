import { applyDecorators } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { type FieldProblem, invalidFields } from '../../submission/refusal.js';
import { type ItemPage, type ItemQuery, itemPage } from './item-page.policy.js';

/** @throws {RefusedError} `invalid_fields` */
export function streamQuery({ stream, starting_after: from }: Record<string, unknown>): {
  readonly stream: boolean;
  /** The number of the last event that the client has; -1 for none. */
  readonly after: number;
} {
  const problems: FieldProblem[] = [];
  if (stream !== undefined && stream !== 'true' && stream !== 'false') {
    problems.push({ field: 'stream', reason: 'must be true or false' });
  }
  if (from !== undefined && !(typeof from === 'string' && /^\d{1,15}$/.test(from))) {
    problems.push({ field: 'starting_after', reason: 'must be the sequence_number of an event' });
  }
  if (problems.length > 0) throw invalidFields(problems);
  return { stream: stream === 'true', after: from === undefined ? -1 : Number(from) };
}

/** @throws {RefusedError} `invalid_fields` */
export function listOf<T extends { readonly id: string }>(
  items: readonly T[],
  query: ItemQuery,
): ItemPage<T> {
  const problems: FieldProblem[] = [];
  const page = itemPage(items, query, problems);
  if (problems.length > 0) throw invalidFields(problems);
  return page;
}

/** The query of a list, as OpenAI has it. */
export function ItemListQuery(): MethodDecorator {
  return applyDecorators(
    ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 100 } }),
    ApiQuery({ name: 'order', required: false, schema: { type: 'string', enum: ['asc', 'desc'] } }),
    ApiQuery({
      ...{ name: 'after', required: false, schema: { type: 'string' } },
      description: 'The last id of the page before',
    }),
  );
}
