import { type Refusal, retryAfterSeconds } from '../../submission/refusal.js';

/** A refusal as NATS clients read it: `code` for programs, `message` for people, and what is wrong with which field. */
export function errorJson(refusal: Refusal): Record<string, unknown> {
  const retryAfter = retryAfterSeconds(refusal);
  const problems = 'problems' in refusal ? refusal.problems : [];
  const more = 'moreProblems' in refusal ? refusal.moreProblems : undefined;
  return {
    ...{ code: refusal.code, message: refusal.message },
    ...(problems.length === 0 ? {} : { problems }),
    ...(more === undefined ? {} : { more_problems: more }),
    ...(retryAfter === null ? {} : { retry_after_seconds: retryAfter }),
  };
}
