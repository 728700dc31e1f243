import { setFlagsFromString } from 'node:v8';

/**
 * Above what is alive after a collection of the old generation, at the next one. By itself V8 lets it grow to up to four
 * times as much while objects come fast: 160 MiB of garbage of accepted messages, which it gives back minutes later. The
 * further collections take some 3 % of what a message takes in all.
 */
const GROWING_PERCENT = 25;

/** For a process of the service, its threads included. Behind its imports: while code is loaded there is no garbage. */
export function keepHeapsSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
}

/**
 * Of each thread beside the main one: 3 times 8 MiB, half of what V8 takes by itself. What passes through these threads
 * is short-lived; more room made them hardly faster. Who says `--max-semi-space-size` in NODE_OPTIONS overrules it.
 */
export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 24 };
