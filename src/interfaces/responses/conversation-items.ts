import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { askedOf } from '../../domain/conversation/past-turn.state.js';
import { filled, largeTextsIn } from '../../domain/message/large-text.policy.js';
import type { ChatMessage } from '../../domain/message/message.events.js';
import { responseId } from '../../domain/message/response.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { PartStore } from '../../log/jetstream/part-store.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { ConversationReader, type Turn } from '../../projection/read/conversation-reader.js';
import { ProjectionBehindError } from '../../projection/read/projection-behind.error.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { refused, refusedField } from '../../submission/refusal.js';
import type { ItemQuery } from './item-page.policy.js';
import { answeredItems, askedItems, type OutputItem } from './items-of-chat.policy.js';
import { placeOfItem } from './response-ids.policy.js';

/** Turns that are read at a time. */
const PAGE = 20;
type ItemPlace = NonNullable<ReturnType<typeof placeOfItem>>;

interface ItemsOfTurn {
  readonly turn: Turn;
  readonly items: readonly OutputItem[];
}

/** One more than a page of items has at most. */
const ENOUGH = 101;

/** The items of a conversation: those of its turns, in their order. */
@Injectable()
export class ConversationItems {
  constructor(
    @Inject(ConversationReader) private readonly reader: Pick<ConversationReader, 'turns' | 'placeOf'>,
    @Inject(PartStore) private readonly parts: Pick<PartStore, 'get'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'lastSequence' | 'extent'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'projection'>,
  ) {}

  /**
   * As many as a page can want, from the turn of `after` on. The oldest first, whichever way the page goes: it begins at
   * one end of them. Whoever has an answer finds it here, unless the tables are far behind.
   */
  async forPage({ tenant }: Caller, { id }: ConversationState, query: ItemQuery): Promise<OutputItem[]> {
    const forwards = query.order === 'asc';
    const order = forwards ? 'oldest_first' : 'newest_first';
    const items: OutputItem[][] = [];
    let count = 0;
    await this.reach(await this.log.lastSequence());
    let behind = await this.before(query.after, forwards);
    for (;;) {
      const page = await this.reader.turns(tenant, id, {
        ...{ order, limit: PAGE },
        ...(behind === null ? {} : { behind }),
      });
      for (const turn of page) {
        const ofTurn = await this.ofTurn(turn);
        // Those of the turn that holds the last item of the page before come on top.
        if (items.length > 0 || behind === null) count += ofTurn.length;
        items.push(ofTurn);
      }
      behind = page.at(-1)?.place ?? null;
      if (page.length < PAGE || count >= ENOUGH) break;
    }
    return (forwards ? items : items.reverse()).flat();
  }

  /** @throws {RefusedError} `not_found` */
  async one(caller: Caller, conversation: ConversationState, named: string): Promise<OutputItem> {
    const { items } = await this.turnOf(caller, conversation, named);
    return items.find((each) => each.id === named)!;
  }

  /**
   * The message of an item that was put into the conversation, and is all of it.
   *
   * @throws {RefusedError} `not_found`; `invalid_fields` for any other item
   */
  async notedAlone(caller: Caller, conversation: ConversationState, named: string): Promise<string> {
    const { turn, items } = await this.turnOf(caller, conversation, named);
    if (turn.noted && items.length === 1) return turn.messageId;
    const reason = turn.noted
      ? 'names an item that was put there together with others'
      : `names an item of a response, which goes with that: DELETE /v1/responses/${responseId(turn.messageId)}`;
    throw refusedField('invalid_fields', 'item_id', reason);
  }

  private async turnOf({ tenant }: Caller, { id }: ConversationState, named: string): Promise<ItemsOfTurn> {
    const place = placeOfItem(named);
    const found = place && (await this.seen(tenant, id, named, place));
    if (found === null) throw refused('not_found', `There is no item ${named} in the conversation.`);
    return found;
  }

  /** @throws {ProjectionBehindError} {LogUnavailableError} where none is seen, and the log's end is not reached, or not known */
  private async seen(
    tenant: string,
    id: string,
    named: string,
    place: ItemPlace,
  ): Promise<ItemsOfTurn | null> {
    await this.reach(await this.log.lastSequence());
    const found = await this.look(tenant, id, named, place);
    if (found !== null) return found;
    const { lastSequence } = await this.log.extent();
    if (!(await this.reach(lastSequence))) throw new ProjectionBehindError(lastSequence);
    return this.look(tenant, id, named, place);
  }

  private async look(
    tenant: string,
    id: string,
    named: string,
    place: ItemPlace,
  ): Promise<ItemsOfTurn | null> {
    const at = await this.reader.placeOf(place.messageId);
    const [turn] = at === null ? [] : await this.reader.turns(tenant, id, { behind: at + 1, limit: 1 });
    if (turn === undefined || turn.messageId !== place.messageId) return null;
    const items = await this.ofTurn(turn);
    return items.some((each) => each.id === named) ? { turn, items } : null;
  }

  private reach(sequence: number): Promise<boolean> {
    return this.position.waitFor(sequence, this.config.projection.read_wait_ms);
  }

  /** The place to go on from so that the item's own turn comes first; null for the whole conversation. */
  private async before(after: unknown, forwards: boolean): Promise<number | null> {
    const place = typeof after === 'string' ? placeOfItem(after) : null;
    const at = place === null ? null : await this.reader.placeOf(place.messageId);
    return at === null ? null : at + (forwards ? -1 : 1);
  }

  private async ofTurn(turn: Turn): Promise<OutputItem[]> {
    const { messageId, answer } = turn;
    const asked = askedItems(messageId, await this.whole(turn));
    return answer === null ? asked : [...asked, ...answeredItems(messageId, answer)];
  }

  /** With its large parts; a word stands for one that is lost. */
  private async whole(turn: Turn): Promise<readonly ChatMessage[]> {
    const messages = askedOf(turn);
    const [stand] = largeTextsIn(messages);
    if (stand === undefined) return messages;
    const texts = await this.parts.get(turn.messageId, stand.large);
    return filled(messages, ({ index }) => texts?.[index] ?? null);
  }
}
