import {
  type ChosenContext,
  chooseContext,
  type TokenCount,
} from '../domain/conversation/context-window.policy.js';
import type { ModelRequest } from '../domain/message/message.events.js';
import type { ConversationReader, Turn } from '../projection/read/conversation-reader.js';
import type { EarlierTurns, WantedTurn } from './turn-gate.js';

const PAGE = 50;
/** No model reads more turns than these, whatever the budget; each page is a read of its own. */
const MOST_TURNS = 1_000;
/** What the chat format alone adds to a question and its answer. */
const LEAST_TOKENS_PER_TURN = 8;
/** English has about four; hardly any text has more than this. */
const MOST_CHARACTERS_PER_TOKEN = 8;

/** What a model is sent for a turn, the history included. */
export class ConversationContext {
  constructor(
    private readonly reader: Pick<ConversationReader, 'find' | 'turns'>,
    private readonly counting: () => Promise<TokenCount>,
    private readonly maxTokens: number,
  ) {}

  /** @param known the turns before it that were read already */
  async of(turn: WantedTurn, request: ModelRequest, known: EarlierTurns): Promise<ChosenContext> {
    const conversation = await this.reader.find(turn.tenant, turn.conversationId);
    const summary = conversation?.summary ?? null;
    const window = {
      systemPrompt: conversation?.context ?? null,
      summary,
      earlier: await this.enough(turn, known, summary?.upToSequence ?? 0),
      request,
      maxTokens: this.maxTokens,
    };
    return chooseContext(window, await this.counting());
  }

  /**
   * As many turns as could fit, by the cheapest sign that the budget is used up: the length of their answers. Those that
   * the summary covers are not read.
   */
  private async enough(
    turn: WantedTurn,
    { newest, more }: EarlierTurns,
    covered: number,
  ): Promise<readonly Turn[]> {
    const turns = [...newest];
    let behind = turns.at(-1)?.place ?? turn.place;
    let left = more;
    while (left && behind > covered && turns.length < MOST_TURNS && leastTokens(turns) < this.maxTokens) {
      const page = await this.reader.turns(turn.tenant, turn.conversationId, { behind, limit: PAGE });
      turns.push(...page);
      left = page.length === PAGE;
      behind = page.at(-1)?.place ?? behind;
    }
    return turns;
  }
}

function leastTokens(turns: readonly Turn[]): number {
  return turns.reduce((sum, { answer }) => {
    if (answer === null) return sum;
    return sum + LEAST_TOKENS_PER_TURN + (answer.content?.length ?? 0) / MOST_CHARACTERS_PER_TOKEN;
  }, 0);
}
