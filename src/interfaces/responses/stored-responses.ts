import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import { withLargeParts } from '../../domain/message/large-parts.policy.js';
import type { ChatMessage } from '../../domain/message/message.events.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import { messageOfResponse } from '../../domain/message/response.policy.js';
import { PartStore } from '../../log/jetstream/part-store.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { MessageView } from '../../projection/read/message-view.js';
import { MessageLookup } from '../../submission/message-lookup.js';
import { invalidFields, refused, refusedField } from '../../submission/refusal.js';
import { isReference } from './chat-of-items.policy.js';
import { answeredItems, askedItems, type OutputItem } from './items-of-chat.policy.js';
import { responseJson } from './response.policy.js';
import { type ItemPlace, placeOfItem } from './response-ids.policy.js';
import { headOfView, standOf } from './response-of.js';

/** Of messages whose items are named in one input: each may be as long as an input. */
const KEPT_PARTS = 16;

interface NamedItem {
  readonly item: OutputItem;
  /** Of it as JSON, in UTF-16 units. */
  readonly units: number;
}

/** Responses that were made before. Each is a message: nothing else is kept of it. */
@Injectable()
export class StoredResponses {
  constructor(
    private readonly lookup: MessageLookup,
    @Inject(PartStore) private readonly parts: Pick<PartStore, 'get'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'openai' | 'projection' | 'queue'>,
  ) {}

  /**
   * The message of a response that was stored, as the log has it now: a client that has its answer reads it as answered.
   *
   * @throws {RefusedError} `not_found`, also for one that was not to be stored, and one whose content is erased
   * @throws {ProjectionBehindError}
   */
  async find(caller: Caller, id: string): Promise<MessageView> {
    const view = await this.look(caller, id);
    if (view === null) throw refused('not_found', `There is no response ${id}.`);
    return view;
  }

  /**
   * Looks at a response that another one is to go on from.
   *
   * @throws {RefusedError} `invalid_fields` where there is none, and where it has not ended
   */
  async previous(caller: Caller, id: string): Promise<void> {
    const view = await this.look(caller, id);
    const field = 'previous_response_id';
    if (view === null) throw invalidFields([{ field, reason: 'names no response that is stored here' }]);
    if (!isTerminalStatus(view.status)) {
      throw invalidFields([{ field, reason: `names a response that has not ended: it is ${view.status}` }]);
    }
  }

  private async look({ tenant }: Caller, id: string): Promise<MessageView | null> {
    const messageId = messageOfResponse(id);
    const view = messageId === null ? null : await this.current(tenant, messageId);
    return view?.asked.response?.store === true ? view : null;
  }

  /** The message as the log has it now: whoever has its answer may be faster than the tables. */
  private async current(tenant: string, messageId: string): Promise<MessageView | null> {
    const view = await this.lookup.find(tenant, messageId);
    if (view === null || isTerminalStatus(view.status)) return view;
    const signal = AbortSignal.timeout(this.config.projection.read_wait_ms);
    return this.lookup.findAfter(null, tenant, messageId, signal);
  }

  /** OpenAI's `response`. */
  json(view: MessageView): Record<string, unknown> {
    return responseJson(headOfView(view), standOf(view, this.config.openai.endpoint_errors));
  }

  /** What was asked of it. */
  async inputItems(view: MessageView): Promise<OutputItem[]> {
    return askedItems(view.id, await this.messagesOf(view));
  }

  /** All that was said: what was asked, and the answer where there is one. */
  async items(view: MessageView): Promise<OutputItem[]> {
    const answer = view.result?.answer;
    const answered = answer === undefined || view.contentErased ? [] : answeredItems(view.id, answer);
    return [...(await this.inputItems(view)), ...answered];
  }

  /**
   * The input with the items that it only names by their ids: clients do so with what was stored here.
   *
   * A name is short, and what it names may be long. So no more is read into one input than may be sent in it, and a
   * message once, however many of its items are named.
   *
   * @throws {RefusedError} `invalid_fields` for one that is not there, `content_too_large`
   */
  async withReferences({ tenant }: Caller, input: unknown): Promise<unknown> {
    if (!Array.isArray(input) || !input.some(isReference)) return input;
    const most = this.config.queue.max_content_bytes;
    const known = new Map<string, ReadonlyMap<string, NamedItem>>();
    const items: unknown[] = [];
    let units = 0;
    for (const [index, item] of input.entries()) {
      if (!isReference(item)) {
        items.push(item);
        continue;
      }
      const place = placeOfItem(item.id);
      const found = place === null ? undefined : (await this.itemsAt(tenant, place, known)).get(item.id);
      if (found === undefined) {
        throw invalidFields([{ field: `input[${index}].id`, reason: 'names no item that is stored here' }]);
      }
      units += found.units;
      if (units > most) {
        const reason = `has more than ${most} bytes with the items that it names`;
        throw refusedField('content_too_large', 'input', reason);
      }
      items.push(found.item);
    }
    return items;
  }

  /** By their ids. @param known those that were read last, as far as they are not too many to be kept */
  private async itemsAt(
    tenant: string,
    { messageId, part }: ItemPlace,
    known: Map<string, ReadonlyMap<string, NamedItem>>,
  ): Promise<ReadonlyMap<string, NamedItem>> {
    const key = `${messageId} ${part}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const view = await this.current(tenant, messageId);
    const items = view === null ? [] : await this.namedItems(view, part);
    const named = new Map(
      items.map((item) => [item.id, { item, units: JSON.stringify(item).length }] as const),
    );
    if (known.size >= KEPT_PARTS) known.clear();
    known.set(key, named);
    return named;
  }

  /** What was not to be stored can't be named, either. */
  private async namedItems(view: MessageView, part: ItemPlace['part']): Promise<OutputItem[]> {
    if (view.contentErased || view.asked.response?.store === false) return [];
    if (part === 'asked') return this.inputItems(view);
    const { answer } = view.result ?? {};
    return answer === undefined ? [] : answeredItems(view.id, answer);
  }

  /** With its large parts, as far as they are there. */
  private async messagesOf(view: MessageView): Promise<readonly ChatMessage[]> {
    const { id, large } = view;
    const texts = large === null ? null : await this.parts.get(id, large);
    const whole =
      large === null || texts === null ? view : withLargeParts(view, large, (index) => texts[index]);
    return (whole.messages ?? [{ role: 'user', content: whole.content ?? '' }]) as ChatMessage[];
  }
}
