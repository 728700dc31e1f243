import { type UnkeptPart, unkeptPartsOf } from '../platform/json/exact-numbers.js';
import type { FieldProblem } from './refusal.js';

export type Keeps = 'none' | 'numbers' | 'all';

const REASONS: Readonly<Record<UnkeptPart['is'], string>> = {
  number: 'is a number with more digits, or a larger exponent, than are kept here; send it as a string',
  name: 'has a name that is not kept on the way; give it another one',
};

/**
 * The parts of a request that would change on their way in silence.
 *
 * @param keepsOf what of a field goes on as it was written; of one that is checked apart, `all`
 */
export function unkeptProblems(request: object, keepsOf: (field: string) => Keeps): FieldProblem[] {
  const parts = unkeptPartsOf(request);
  if (parts.length === 0) return [];
  return parts
    .filter(({ path, is }) => {
      const keeps = keepsOf(path[0] ?? '');
      return keeps === 'none' || (keeps === 'numbers' && is === 'name');
    })
    .map(({ path, is }) => ({ field: fieldAt(path), reason: REASONS[is] }));
}

/** A path as clients write it: `messages[0].content`. */
export function fieldAt(path: readonly (string | number)[]): string {
  const field = path.map((part, at) =>
    /^\d+$/.test(String(part)) ? `[${part}]` : `${at === 0 ? '' : '.'}${part}`,
  );
  return field.join('').slice(0, 256);
}
