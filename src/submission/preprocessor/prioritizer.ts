import { Inject, Injectable } from '@nestjs/common';
import type { PriorityRule } from '../../domain/admin/admin.events.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import type { Analysis, ModelRequest } from '../../domain/message/message.events.js';
import {
  type Prioritization,
  prioritize,
  type ScoreThresholds,
} from '../../domain/message/prioritize.decision.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { Analyser } from './analyser.js';
import { askedText, excerptOf } from './asked-text.policy.js';
import { type CompiledRule, compileRule, ruleText } from './compiled-rule.js';
import { PreprocessorSettings } from './preprocessor-settings.js';
import { weighRules } from './weigh-rules.policy.js';

/** What of a submission speaks for its priority. */
export interface PriorityRequest {
  readonly tenant: string;
  /** The most urgent that the caller may ask for; absent: any. */
  readonly mostUrgent?: Lane;
  readonly userId: string;
  readonly request: ModelRequest;
  readonly requestedPriority: Lane | null;
  /** That of its conversation; absent outside of one. */
  readonly conversationPriority?: Lane | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** How a priority was chosen, for the authors of rules. */
export interface Trial {
  readonly prioritization: Prioritization;
  readonly analysis: Analysis;
  /** All that match, also where something stronger than rules decided. */
  readonly matched: readonly PriorityRule[];
}

/** Puts each message into its lane, by what this process knows of the tenant's rules and user defaults. */
@Injectable()
export class Prioritizer {
  private readonly thresholds: ScoreThresholds;
  private readonly fallback: Lane;

  constructor(
    @Inject(Analyser) private readonly analyser: Pick<Analyser, 'analyse'>,
    private readonly settings: PreprocessorSettings,
    @Inject(SERVICE_CONFIG) { queue }: Pick<ServiceConfig, 'queue'>,
  ) {
    const { realtime_score: realtime, high_score: high } = queue.preprocessor;
    this.thresholds = { realtime, high };
    this.fallback = queue.default_priority;
  }

  /** Those asked for one after the other are decided in that order. */
  async prioritize(submission: PriorityRequest): Promise<Prioritization> {
    return this.decide(submission, await this.analyser.analyse(submission.request));
  }

  /**
   * Decides as for a submission, and stores nothing.
   *
   * @param draft a rule that is not stored, tried in place of the stored one of its id where there is one
   * @throws {InvalidPatternError} for a draft's pattern
   */
  async try(submission: PriorityRequest, draft: PriorityRule | null): Promise<Trial> {
    const stored = this.settings.rulesOf(submission.tenant);
    const rules =
      draft === null ? stored : [...stored.filter(({ rule }) => rule.id !== draft.id), compileRule(draft)];
    const analysis = await this.analyser.analyse(submission.request);
    const matched = matching(rules, submission, analysis);
    return { analysis, matched, prioritization: this.decide(submission, analysis, matched) };
  }

  private decide(
    submission: PriorityRequest,
    analysis: Analysis,
    matched?: readonly PriorityRule[],
  ): Prioritization {
    const { tenant, userId } = submission;
    return prioritize({
      explicit: submission.requestedPriority,
      conversation: submission.conversationPriority ?? null,
      override: laneIn(submission.metadata['user_priority']),
      mostUrgent: submission.mostUrgent ?? 'realtime',
      userDefault: this.settings.of(tenant).users.get(userId)?.priority ?? null,
      matchRules: () => weighRules(matched ?? matching(this.settings.rulesOf(tenant), submission, analysis)),
      analysis,
      thresholds: this.thresholds,
      fallback: this.fallback,
    });
  }
}

function laneIn(value: unknown): Lane | null {
  return LANES.find((lane) => lane === value) ?? null;
}

function matching(
  rules: readonly CompiledRule[],
  { request, metadata }: PriorityRequest,
  { tokens }: Analysis,
): PriorityRule[] {
  const text = ruleText(excerptOf(askedText(request).asked).text, { metadata, tokens });
  return rules.filter((rule) => rule.matches(text)).map(({ rule }) => rule);
}
