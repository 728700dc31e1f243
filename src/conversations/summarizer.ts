import type { Logger } from 'pino';
import type { ChosenContext } from '../domain/conversation/context-window.policy.js';
import { type Measure, tokensOf } from '../domain/conversation/message-tokens.policy.js';
import { messagesOfTurn } from '../domain/conversation/past-turn.state.js';
import { type SumUpLimits, turnsToSumUp } from '../domain/conversation/sum-up.policy.js';
import { summarized, summaryRequest, wholeExchanges } from '../domain/conversation/summarize.decision.js';
import type { Accounting, ModelRequest, Usage } from '../domain/message/message.events.js';
import type { EventLog } from '../log/event-log.port.js';
import type { Sources } from '../platform/clock.js';
import type { ConversationReader, Turn } from '../projection/read/conversation-reader.js';
import type { ProjectionPosition } from '../projection/read/projection-position.js';
import { type Claims, stillCounts } from './nats/claims.js';
import type { WantedTurn } from './turn-gate.js';

const PAGE = 50;
/** Conversations that one process sums up at the same time; for others their next turn asks again. */
const MOST_AT_ONCE = 4;
/** After a failure nobody asks again for this conversation for so long. */
const PAUSE_MS = 30_000;
/** For what a claim must cover beside the model's call. */
const MARGIN_MS = 20_000;
const POSITION_TIMEOUT_MS = 10_000;
/** What is cut is cut generously: most text has more characters for each token. */
const CHARACTERS_PER_TOKEN = 3;

export interface SummaryAnswer {
  readonly text: string;
  readonly model: string;
  readonly endpoint: string;
  readonly usage: Usage | null;
  /** What it used and cost. */
  readonly accounting: Accounting | null;
}

/** @throws whatever the call of the model throws, and when it gives no text */
export type AskForSummary = (request: ModelRequest, timeoutMs: number) => Promise<SummaryAnswer>;

export interface SummarySettings extends SumUpLimits {
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly timeoutMs: number;
}

export interface SummarizerParts {
  readonly settings: SummarySettings;
  readonly reader: Pick<ConversationReader, 'find' | 'turns'>;
  readonly log: Pick<EventLog, 'append'>;
  readonly position: Pick<ProjectionPosition, 'waitFor'>;
  readonly claims: Pick<Claims, 'read' | 'write'>;
  readonly ask: AskForSummary;
  readonly measuring: () => Promise<Measure>;
  readonly sources: Sources;
  readonly logger: Logger;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
}

/**
 * Has the older turns of long conversations summed up, beside the turns and never in their way: a turn goes with the
 * summary that is there, and what fails here is logged and tried again with a later turn.
 *
 * Of all workers one does it for a conversation at a time: the one whose claim came first. A claim of a worker that died
 * runs out. Should two make a summary all the same, the one that reaches further counts, by the fold.
 */
export class Summarizer {
  private readonly running = new Map<string, Promise<void>>();
  private readonly holder: string;

  constructor(private readonly parts: SummarizerParts) {
    this.holder = parts.sources.newId();
  }

  /** Call it with the context of each turn. Returns at once. */
  consider(turn: WantedTurn, { leftOut, turnTokens, maxTokens }: ChosenContext): void {
    const { settings, stopping, logger } = this.parts;
    const due = leftOut || turnTokens > settings.afterTokens;
    // What a model with a small context leaves out is summed up however little it is.
    const afterTokens = leftOut ? Math.min(settings.afterTokens, maxTokens / 2) : settings.afterTokens;
    const { conversationId } = turn;
    if (!due || stopping.aborted || this.running.size >= MOST_AT_ONCE) return;
    if (this.running.has(conversationId)) return;
    const work = this.sumUp(turn, afterTokens)
      .catch((err: unknown) => {
        if (!stopping.aborted) logger.warn({ err, conversationId }, 'no summary yet; trying again later');
      })
      .finally(() => this.running.delete(conversationId));
    this.running.set(conversationId, work);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.running.values());
  }

  private async sumUp(turn: WantedTurn, afterTokens: number): Promise<void> {
    const claim = await this.claim(turn.conversationId);
    if (claim === null) return;
    let done = false;
    try {
      while (await this.sumUpNext(turn, afterTokens)) await claim.hold(this.claimMs);
      done = true;
    } finally {
      await claim.hold(done || this.parts.stopping.aborted ? 0 : PAUSE_MS);
    }
  }

  private get claimMs(): number {
    return this.parts.settings.timeoutMs + MARGIN_MS;
  }

  private async claim(conversationId: string): Promise<{ hold(ms: number): Promise<void> } | null> {
    const { claims, sources } = this.parts;
    const until = (ms: number) => ({ holder: this.holder, until: sources.nowMs() + ms });
    const before = await claims.read('summary', conversationId);
    const longestMs = Math.max(this.claimMs, PAUSE_MS);
    if (before !== null && stillCounts(before.claim, sources.nowMs(), longestMs)) return null;
    const write = (ms: number, revision: number) =>
      claims.write('summary', conversationId, until(ms), revision);
    let revision = await write(this.claimMs, before?.revision ?? 0);
    if (revision === null) return null;
    return {
      hold: async (ms) => {
        revision = await write(ms, revision!);
        if (revision === null) throw new Error('Another worker has taken the summary over.');
      },
    };
  }

  /** False when nothing is to be summed up (any more). */
  private async sumUpNext(turn: WantedTurn, afterTokens: number): Promise<boolean> {
    const { settings, reader, ask, log, position, sources } = this.parts;
    const conversation = await reader.find(turn.tenant, turn.conversationId);
    if (conversation === null || conversation.state === 'erased') return false;
    const { summary } = conversation;
    const measure = await this.parts.measuring();
    const { turns, tokens, more } = await this.oldest(turn, summary?.upToSequence ?? 0, measure);
    const most = turnsToSumUp(tokens, more, { ...settings, afterTokens });
    const taken = turns.slice(0, wholeExchanges(turns, most));
    if (taken.length === 0) return false;
    const { prompt, model, maxTokens, maxInputTokens, timeoutMs } = settings;
    const maxCharactersPerTurn = CHARACTERS_PER_TOKEN * maxInputTokens;
    const wish = {
      prompt,
      model,
      maxTokens,
      before: summary?.text ?? null,
      turns: taken,
      maxCharactersPerTurn,
    };
    const answer = await ask(summaryRequest(wish), timeoutMs);
    const { tenant, conversationId: subject } = turn;
    const context = { subject, tenant, now: new Date(sources.nowMs()).toISOString(), newId: sources.newId };
    const made = { ...answer, tokens: measure.count(answer.text), turns: taken };
    const { firstSequence } = await log.append([summarized(context, made)]);
    return position.waitFor(firstSequence, POSITION_TIMEOUT_MS, this.parts.stopping);
  }

  /** The answered turns behind the summary and before the turn that runs: those that a request could hold, and some more. */
  private async oldest(turn: WantedTurn, covered: number, measure: Measure) {
    const { reader, settings } = this.parts;
    const turns: Turn[] = [];
    const tokens: number[] = [];
    let total = 0;
    for (let behind = covered; ; ) {
      const query = { order: 'oldest_first', behind, limit: PAGE } as const;
      const page = await reader.turns(turn.tenant, turn.conversationId, query);
      for (const earlier of page) {
        if (earlier.answer === null || earlier.place >= turn.place) continue;
        turns.push(earlier);
        tokens.push(tokensOf(messagesOfTurn(earlier), measure));
        total += tokens[tokens.length - 1]!;
      }
      const last = page[page.length - 1]?.place ?? turn.place;
      const ended = page.length < PAGE || last >= turn.place;
      if (ended || total > settings.maxInputTokens + settings.afterTokens)
        return { turns, tokens, more: !ended };
      behind = last;
    }
  }
}
