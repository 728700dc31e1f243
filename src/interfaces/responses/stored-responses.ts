import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import { withLargeParts } from '../../domain/message/large-parts.policy.js';
import type { ChatMessage } from '../../domain/message/message.events.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import { PartStore } from '../../log/jetstream/part-store.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { MessageView } from '../../projection/read/message-view.js';
import { MessageLookup } from '../../submission/message-lookup.js';
import { invalidFields, refused } from '../../submission/refusal.js';
import { isObject } from '../../submission/submission-rules.policy.js';
import { answeredItems, askedItems, type OutputItem } from './items-of-chat.policy.js';
import { responseJson } from './response.policy.js';
import { type ItemPlace, messageOfResponse, placeOfItem } from './response-ids.policy.js';
import { headOfView, standOf } from './response-of.js';

/** Responses that were made before. Each is a message: nothing else is kept of it. */
@Injectable()
export class StoredResponses {
  constructor(
    private readonly lookup: MessageLookup,
    @Inject(PartStore) private readonly parts: Pick<PartStore, 'get'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'projection'>,
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
    let view = messageId === null ? null : await this.lookup.find(tenant, messageId);
    if (view !== null && !isTerminalStatus(view.status)) {
      const signal = AbortSignal.timeout(this.config.projection.read_wait_ms);
      view = await this.lookup.findAfter(null, tenant, view.id, signal);
    }
    return view?.asked.response?.store === true ? view : null;
  }

  /** OpenAI's `response`. */
  json(view: MessageView): Record<string, unknown> {
    return responseJson(headOfView(view), standOf(view));
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
   * @throws {RefusedError} `invalid_fields` for one that is not there
   */
  async withReferences({ tenant }: Caller, input: unknown): Promise<unknown> {
    if (!Array.isArray(input) || !input.some(isReference)) return input;
    const views = new Map<string, MessageView | null>();
    const items: unknown[] = [];
    for (const [index, item] of input.entries()) {
      if (!isReference(item)) {
        items.push(item);
        continue;
      }
      const place = placeOfItem(item.id);
      const { messageId = null } = place ?? {};
      if (messageId !== null && !views.has(messageId)) {
        views.set(messageId, await this.lookup.find(tenant, messageId));
      }
      const found = await this.itemAt(views.get(messageId ?? '') ?? null, place);
      if (found === null) {
        throw invalidFields([{ field: `input[${index}].id`, reason: 'names no item that is stored here' }]);
      }
      items.push(found);
    }
    return items;
  }

  private async itemAt(view: MessageView | null, place: ItemPlace | null): Promise<OutputItem | null> {
    if (view === null || place === null || view.contentErased) return null;
    const { answer } = view.result ?? {};
    const items =
      place.part === 'asked'
        ? await this.inputItems(view)
        : answer === undefined
          ? []
          : answeredItems(view.id, answer);
    return items[place.index] ?? null;
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

function isReference(item: unknown): item is { readonly id: string } {
  if (!isObject(item) || typeof item['id'] !== 'string') return false;
  const { type } = item;
  return type === 'item_reference' || (type == null && !('role' in item));
}
