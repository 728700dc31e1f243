import type { ListRequest } from '../../operations/batches/list-page.policy.js';
import { type FieldProblem, invalidFields } from '../../submission/refusal.js';

type Query = Readonly<Record<string, unknown>>;

/** How OpenAI's lists are asked for. @throws {RefusedError} `invalid_fields` */
export function listRequestOf({ after, limit, order }: Query, most: number, usual: number): ListRequest {
  const problems: FieldProblem[] = [];
  const count = limit === undefined ? usual : Number(limit);
  if (!(Number.isInteger(count) && count >= 1 && count <= most)) {
    problems.push({ field: 'limit', reason: `must be a whole number from 1 to ${most}` });
  }
  if (order !== undefined && order !== 'asc' && order !== 'desc') {
    problems.push({ field: 'order', reason: 'must be one of asc, desc' });
  }
  if (after !== undefined && typeof after !== 'string') {
    problems.push({ field: 'after', reason: 'must be an id' });
  }
  if (problems.length > 0) throw invalidFields(problems);
  return {
    after: (after as string | undefined) || null,
    limit: count,
    order: (order as ListRequest['order'] | undefined) ?? 'desc',
  };
}

/** A page of such a list. */
export function listJson<T extends { readonly id: string }>(
  data: readonly T[],
  hasMore: boolean,
  jsonOf: (each: T) => object,
): object {
  return {
    object: 'list',
    data: data.map(jsonOf),
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}
