/** The load that every contender of the whole-path benchmark gets, so that the ratio compares nothing else. */
export const WHOLE_PATH = {
  warmUp: 2_000,
  /** Fewer for a short look: `BENCH_PATH_MESSAGES=2000`. */
  messages: Number(process.env['BENCH_PATH_MESSAGES'] ?? 20_000),
  /** Between submission and result at once. */
  inFlight: 256,
  /** Calls at once in the worker. */
  concurrency: 128,
  /** 500 bytes of text. */
  content: 'What is the answer? '.repeat(25),
} as const;
