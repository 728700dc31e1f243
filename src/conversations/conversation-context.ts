import { budgetOf, type ModelLimits } from '../domain/conversation/context-budget.policy.js';
import { type ChosenContext, chooseContext } from '../domain/conversation/context-window.policy.js';
import type { ConversationState } from '../domain/conversation/conversation.state.js';
import { ratioAfter } from '../domain/conversation/counting-ratio.policy.js';
import type { Measure } from '../domain/conversation/message-tokens.policy.js';
import type { ModelRequest } from '../domain/message/message.events.js';
import type { ConversationReader, Turn } from '../projection/read/conversation-reader.js';
import type { LastCuts } from './last-cuts.js';
import type { EarlierTurns, WantedTurn } from './turn-gate.js';

const PAGE = 50;
/** No model reads more turns than these, whatever the budget; each page is a read of its own. */
const MOST_TURNS = 1_000;
/** What the chat format alone adds to a question and its answer. */
const LEAST_TOKENS_PER_TURN = 8;
/** English has about four; hardly any text has more than this. */
const MOST_CHARACTERS_PER_TOKEN = 8;

/** What a deployment is sent for a turn. The same is asked for with each call, and made once. */
export type ContextFor = (limits: ModelLimits) => ChosenContext;

/** What a model is sent for a turn, the history included. */
export class ConversationContext {
  /** By model: how it counts, of which the next turns' budgets are made. */
  private readonly ratios = new Map<string, number>();

  constructor(
    private readonly reader: Pick<ConversationReader, 'find' | 'turns' | 'chain'>,
    private readonly cuts: Pick<LastCuts, 'of'>,
    private readonly measuring: () => Promise<Measure>,
    private readonly maxTokens: number,
  ) {}

  /**
   * @param known the turns before it that were read already
   * @param likely the deployments that it is likely to be sent to
   */
  async of(
    turn: WantedTurn,
    request: ModelRequest,
    known: EarlierTurns,
    likely: readonly ModelLimits[],
  ): Promise<ContextFor> {
    const conversation = await this.reader.find(turn.tenant, turn.conversationId);
    const most = this.most(request, likely);
    const earlier = await this.enough(turn, known, conversation?.summary?.upToSequence ?? 0, most);
    return this.contextFor(request, conversation, earlier, likely);
  }

  /** The same for a message that goes on from another one, in no conversation: its chain is its history. */
  async behind(
    tenant: string,
    messageId: string,
    request: ModelRequest,
    likely: readonly ModelLimits[],
  ): Promise<ContextFor> {
    const most = this.most(request, likely);
    const turns: Turn[] = [];
    let left = true;
    let of: { readonly conversationId: string; readonly place: number } | null = null;
    while (left && turns.length < MOST_TURNS && leastTokens(turns) < most) {
      const page = await this.reader.chain(tenant, messageId, { skip: turns.length, limit: PAGE });
      turns.push(...page);
      left = page.length === PAGE;
      of = page.at(-1)?.of ?? null;
    }
    if (of === null) return this.contextFor(request, null, turns, likely);
    const turn = { tenant, ...of };
    const earlier = await this.enough(turn, { newest: [], more: true }, 0, most);
    return this.contextFor(request, null, [...turns, ...earlier], likely);
  }

  private most(request: ModelRequest, likely: readonly ModelLimits[]): number {
    return Math.max(this.maxTokens, ...likely.map((limits) => this.budget(limits, request)));
  }

  private async contextFor(
    request: ModelRequest,
    conversation: Pick<ConversationState, 'summary' | 'context'> | null,
    earlier: readonly Turn[],
    likely: readonly ModelLimits[],
  ): Promise<ContextFor> {
    const summary = conversation?.summary ?? null;
    const said = [conversation?.context, request.instructions].filter((text) => text != null);
    const systemPrompt = said.length === 0 ? null : said.join('\n\n');
    const measure = await this.measuring();
    const choose = (limits: ModelLimits, cutAt: string | null) => {
      const maxTokens = this.budget(limits, request);
      const { takes } = limits;
      return chooseContext({ systemPrompt, summary, earlier, request, takes, maxTokens, cutAt }, measure);
    };
    const chosen = new Map(likely.map((limits) => [keyOf(limits), choose(limits, null)]));
    // Where a history is cut matters, and is looked up, only if it does not fit as a whole.
    const isCut = [...chosen.values()].some(({ leftOut }) => leftOut);
    const cuts = isCut ? await this.cuts.of(earlier) : null;
    if (isCut) chosen.clear();
    return (limits) => {
      const key = keyOf(limits);
      const again = chosen.get(key) ?? choose(limits, cuts?.get(limits.model) ?? null);
      chosen.set(key, again);
      return again;
    };
  }

  /** To be told with each answer of what the endpoint counted. */
  answered({ model }: ModelLimits, estimated: number, told: number): void {
    this.ratios.set(model, ratioAfter(this.ratios.get(model) ?? 1, estimated, told));
  }

  private budget(limits: ModelLimits, request: ModelRequest): number {
    return budgetOf(limits, request, this.maxTokens, this.ratios.get(limits.model));
  }

  /**
   * As many turns as could fit, by the cheapest sign that the budget is used up: the length of their answers. Those that
   * the summary covers are not read.
   */
  private async enough(
    turn: WantedTurn,
    { newest, more }: EarlierTurns,
    covered: number,
    most: number,
  ): Promise<readonly Turn[]> {
    const turns = [...newest];
    let behind = turns.at(-1)?.place ?? turn.place;
    let left = more;
    while (left && behind > covered && turns.length < MOST_TURNS && leastTokens(turns) < most) {
      const page = await this.reader.turns(turn.tenant, turn.conversationId, { behind, limit: PAGE });
      turns.push(...page);
      left = page.length === PAGE;
      behind = page.at(-1)?.place ?? behind;
    }
    return turns;
  }
}

function keyOf({ model, contextTokens, maxOutputTokens, takes }: ModelLimits): string {
  return JSON.stringify([model, contextTokens, maxOutputTokens, takes.reasoning, takes.systemAnywhere]);
}

function leastTokens(turns: readonly Turn[]): number {
  return turns.reduce((sum, { answer }) => {
    if (answer === null) return sum;
    return sum + LEAST_TOKENS_PER_TURN + (answer.content?.length ?? 0) / MOST_CHARACTERS_PER_TOKEN;
  }, 0);
}
