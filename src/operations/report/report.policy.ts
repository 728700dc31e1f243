import { currentSignals } from './current-signals.policy.js';
import { type Finding, QUESTIONS, type Question, SEVERITIES } from './finding.policy.js';
import { flowFindings, isAsleep, mayBeAsleep, waitingInAll } from './flow.policy.js';
import { freshnessFindings } from './freshness.policy.js';
import { isKnown, type SignalName, type Signals } from './signals.policy.js';
import { successFindings } from './success.policy.js';

/**
 * - `wrong`: something was found.
 * - `unknown`: nothing was found, but not everything could be looked at.
 * - `well`: everything that the question needs was looked at, and nothing was found.
 */
export const VERDICTS = ['wrong', 'unknown', 'well'] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface UnknownSignal {
  readonly signal: SignalName;
  /** Which one could be answered better with it. */
  readonly question: Question;
  readonly why: string;
}

export interface Report {
  readonly verdict: Verdict;
  /** The worst first. */
  readonly questions: readonly { readonly question: Question; readonly verdict: Verdict }[];
  /** The worst first. */
  readonly findings: readonly Finding[];
  /** What is not known, and counts neither as good nor as bad. */
  readonly unknown: readonly UnknownSignal[];
}

const OF_QUESTION: Readonly<Record<SignalName, Question>> = {
  ...{ log: 'flow', lanes: 'flow', oldest: 'flow', workers: 'flow', endpoints: 'flow', scheduler: 'flow' },
  ...{ ended: 'success', attempts: 'success', webhooks: 'success', durability: 'success' },
  tables: 'freshness',
};

/** The verdict on what was read. Pure: the same signals give the same report. */
export function reportOf(read: Signals): Report {
  const signals = currentSignals(read);
  const findings = [...flowFindings(signals), ...successFindings(signals), ...freshnessFindings(signals)];
  const unknown = unknownOf(signals);
  const questions = QUESTIONS.map((question) => ({
    question,
    verdict: verdictOn(question, findings, unknown, signals),
  }));
  return {
    verdict: worst(questions.map(({ verdict }) => verdict)),
    questions: questions.sort((one, other) => rank(VERDICTS, one.verdict) - rank(VERDICTS, other.verdict)),
    findings: findings.sort(
      (one, other) => rank(SEVERITIES, one.severity) - rank(SEVERITIES, other.severity),
    ),
    unknown,
  };
}

function unknownOf(signals: Signals): UnknownSignal[] {
  return (Object.keys(OF_QUESTION) as SignalName[]).flatMap((signal) => {
    const read = signals[signal];
    return isKnown<unknown>(read) ? [] : [{ signal, question: OF_QUESTION[signal], why: read.unknown }];
  });
}

function verdictOn(
  question: Question,
  findings: readonly Finding[],
  unknown: readonly UnknownSignal[],
  signals: Signals,
): Verdict {
  const isWrong = (each: Finding) => each.question === question && each.severity !== 'note';
  if (findings.some(isWrong)) return 'wrong';
  const isMissed = (each: UnknownSignal) => each.question === question && isNeeded(each.signal, signals);
  return unknown.some(isMissed) ? 'unknown' : 'well';
}

/** Whether the question can't be answered without it. What is not needed is told beside the answer. */
function isNeeded(signal: SignalName, signals: Signals): boolean {
  switch (signal) {
    // How durable a NATS of one's own is can't be seen from here, ever.
    case 'durability':
      return false;
    case 'oldest':
      return waitingInAll(signals) !== 0;
    // Where a scheduler has put all to sleep, nobody has to be awake; otherwise what it wants is for advice alone.
    case 'endpoints':
      return !isAsleep(signals);
    case 'scheduler':
      return mayBeAsleep(signals);
    default:
      return true;
  }
}

function worst(verdicts: readonly Verdict[]): Verdict {
  return VERDICTS.find((verdict) => verdicts.includes(verdict)) ?? 'well';
}

function rank<T>(order: readonly T[], one: T): number {
  return order.indexOf(one);
}
