import { MalformedEventError } from './event-log.errors.js';

/**
 * Turns an event of an older version into one of the next: its `type` and its `data`. Events keep their meaning for ever,
 * so what the older version could not say becomes what its absence meant.
 */
export type Upcast = (event: Readonly<Record<string, unknown>>) => Record<string, unknown>;

/** By the type that is not written any more. So far every event is of the first version of its type. */
export const UPCASTS: ReadonlyMap<string, Upcast> = new Map();

/**
 * The event in a version that is written today; over several steps where it is that old. What has no step stays as it is.
 * @throws {MalformedEventError} for an event that its step does not understand
 */
export function upcast(
  event: unknown,
  sequence: number | null,
  upcasts: ReadonlyMap<string, Upcast> = UPCASTS,
): unknown {
  let current = event;
  // A map of n steps takes at most n: one that leads in a circle is our fault, and must not hang a reader.
  for (let steps = 0; steps <= upcasts.size; steps += 1) {
    const { type } = (current ?? {}) as { type?: unknown };
    const step = typeof type === 'string' ? upcasts.get(type) : undefined;
    if (step === undefined) return current;
    try {
      current = step(current as Record<string, unknown>);
    } catch (error) {
      throw new MalformedEventError(`${type} could not be read as a later version (${error})`, sequence);
    }
  }
  throw new Error(`The steps from ${JSON.stringify((event as { type: string }).type)} lead in a circle.`);
}
