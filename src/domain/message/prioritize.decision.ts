import { LANES, type Lane } from './lane.policy.js';
import type { Analysis, PriorityReason } from './message.events.js';

export interface Prioritization {
  readonly priority: Lane;
  readonly reason: PriorityReason;
  /** What was found in the content; absent where nobody looked. */
  readonly analysis?: Analysis;
}

/** What the rules that match a text come to. */
export interface RuleChoice {
  readonly id: string;
  readonly priority: Lane;
}

/** The least score of an analysis that lifts a message into a lane; null: none does. */
export type ScoreThresholds = Readonly<Record<'realtime' | 'high', number | null>>;

/** All that can speak for a priority, the strongest first. */
export interface PriorityGrounds {
  /** The client's field `priority`. */
  readonly explicit: Lane | null;
  /** The client's `user_priority` in the metadata, from programs that can't set the field. */
  readonly override: Lane | null;
  /** What the conversation's messages get that ask for nothing. */
  readonly conversation: Lane | null;
  /** The most urgent that this caller may ask for. */
  readonly mostUrgent: Lane;
  /** What an admin set for this user. */
  readonly userDefault: Lane | null;
  /** Asked only where nothing stronger speaks, since it takes time. */
  readonly matchRules: () => RuleChoice | null;
  readonly analysis: Analysis;
  readonly thresholds: ScoreThresholds;
  readonly fallback: Lane;
}

/**
 * The preprocessor's order: what the client asks for with the message, or in its metadata, or asked for with the
 * conversation (each lowered to what it may ask for), the user's default, the rules, the analysis, the service's default.
 */
export function prioritize(grounds: PriorityGrounds): Prioritization {
  const { analysis, mostUrgent } = grounds;
  const asked = askedFor(grounds);
  if (asked !== null) {
    return { priority: lessUrgent(asked.priority, mostUrgent), reason: asked.reason, analysis };
  }
  if (grounds.userDefault !== null)
    return { priority: grounds.userDefault, reason: 'user_default', analysis };
  const rule = grounds.matchRules();
  if (rule !== null) return { priority: rule.priority, reason: `rule:${rule.id}`, analysis };
  const lifted = liftedBy(analysis.score, grounds.thresholds);
  if (lifted !== null) return { priority: lifted, reason: 'analysis', analysis };
  return { priority: grounds.fallback, reason: 'default', analysis };
}

function askedFor({ explicit, override, conversation }: PriorityGrounds) {
  if (explicit !== null) return { priority: explicit, reason: 'explicit' } as const;
  if (override !== null) return { priority: override, reason: 'metadata' } as const;
  return conversation === null ? null : ({ priority: conversation, reason: 'conversation' } as const);
}

function liftedBy(score: number, { realtime, high }: ScoreThresholds): Lane | null {
  if (realtime !== null && score >= realtime) return 'realtime';
  return high !== null && score >= high ? 'high' : null;
}

export function lessUrgent(a: Lane, b: Lane): Lane {
  return LANES.indexOf(a) > LANES.indexOf(b) ? a : b;
}
