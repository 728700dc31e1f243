import { turnOrder } from '../domain/conversation/turn-order.policy.js';
import type { ConversationReader, Turn } from '../projection/read/conversation-reader.js';
import type { ProjectionPosition } from '../projection/read/projection-position.js';

const PAGE = 20;

/** A turn of a conversation that wants to run. */
export interface WantedTurn {
  readonly tenant: string;
  readonly conversationId: string;
  /** In the order of the turns: of its MessageReceived, or of the last MessageRequeued. */
  readonly place: number;
}

/** The turns before one, as far as they were read. */
export interface EarlierTurns {
  /** Newest first, without a gap. */
  readonly newest: readonly Turn[];
  /** Whether there may be turns before these. */
  readonly more: boolean;
}

/**
 * - `go`: all turns before it have ended.
 * - `behind`: it has to wait for that one.
 * - `unclear`: the projection does not reach the turn in time.
 */
export type GateAnswer =
  | { readonly kind: 'go'; readonly earlier: EarlierTurns }
  | { readonly kind: 'behind'; readonly messageId: string }
  | { readonly kind: 'unclear' };

/**
 * Lets one turn of a conversation run at a time, in the order of the log (ADR 7).
 *
 * There is no lock. A projection that has reached a turn's own place knows every turn before it. A turn that has ended
 * there has ended for ever, unless it is requeued, and then it stands at the end: so "all before it have ended" can only
 * become true, and never for two turns at once.
 */
export class TurnGate {
  constructor(
    private readonly reader: Pick<ConversationReader, 'turns'>,
    private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    private readonly waitMs: number,
  ) {}

  async ask(turn: WantedTurn, signal: AbortSignal): Promise<GateAnswer> {
    if (!(await this.position.waitFor(turn.place, this.waitMs, signal))) return { kind: 'unclear' };
    const newest: Turn[] = [];
    for (let behind = turn.place; ; ) {
      const query = { behind, limit: PAGE };
      const page = await this.reader.turns(turn.tenant, turn.conversationId, query);
      newest.push(...page);
      const more = page.length === PAGE;
      const order = turnOrder(page, more);
      if (order.kind === 'behind') return order;
      if (order.kind === 'go') return { kind: 'go', earlier: { newest, more } };
      behind = page[page.length - 1]!.place;
    }
  }
}
