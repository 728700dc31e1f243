/** As much of a problem (RFC 9457, or OpenAI's error) as a person is told. */
export interface ToldProblem {
  readonly detail?: unknown;
  readonly error?: { readonly message?: unknown } | null;
}

const HINTS: Readonly<Record<number, string>> = {
  401: 'Give a key with --api-key (or LLMQ_KEY)',
  403: 'Give a key that may do it with --api-key (or LLMQ_KEY)',
};

/** @param problem the body, or null where there is none that can be read */
export function refusalText(request: string, status: number, problem: ToldProblem | null): string {
  const said = problem?.detail ?? problem?.error?.message;
  const reason = typeof said === 'string' && said !== '' ? said : 'no reason given';
  const hint = HINTS[status];
  return `${request} was refused with ${status}: ${reason}${hint === undefined ? '' : ` ${hint}.`}`;
}

const SHORTEST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** How long to wait before the same request is sent again; null where that can't help. */
export function waitBeforeRetryMs(status: number, retryAfter: string | null): number | null {
  if (status !== 429 && status !== 503) return null;
  const seconds = Number(retryAfter ?? 1);
  const wanted = Number.isFinite(seconds) ? seconds * 1_000 : 0;
  // Someone sits at the terminal: what takes longer is told at once.
  return wanted > LONGEST_WAIT_MS ? null : Math.max(SHORTEST_WAIT_MS, wanted);
}
