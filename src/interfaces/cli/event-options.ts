import { type Command, InvalidArgumentError, Option } from 'commander';
import { isGivenId } from '../../domain/conversation/given-id.policy.js';
import { LOG_EVENT_TYPES } from '../../domain/log-event.events.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { type EventFilter, typesNamed } from '../../operations/timeline/event-filter.policy.js';
import type { EventIndex } from '../../projection/read/event-index.js';
import { instant, wholeNumber } from './option-values.js';

export interface EventOptions {
  readonly from?: string;
  readonly to?: string;
  readonly type?: readonly string[];
  readonly user?: string;
  readonly conversation?: string;
  readonly priority?: Lane;
  readonly message?: string;
  readonly tenant?: string;
  readonly after?: number;
}

/** The filters that `export` and `tail` share. */
export function withEventOptions(command: Command): Command {
  return command
    .option('--from <time>', 'events from this time on (ISO 8601)', instant)
    .option('--to <time>', 'events before this time', instant)
    .option('--type <types>', 'event types separated by commas, in full or short (completed)', types)
    .option('--user <id>', "events of this user's messages")
    .option(
      '--conversation <id>',
      'events of this conversation (its UUID, or the id that its client gave) and of its messages',
    )
    .addOption(new Option('--priority <lane>', 'events of this lane').choices(LANES))
    .option('--message <id>', 'events of this message', uuid)
    .option('--tenant <name>', 'events of this tenant')
    .option(
      '--after <sequence>',
      'only events after this sequence: continues where an export ended',
      wholeNumber,
    );
}

/** @throws {Error} where an id that a client gave names no conversation, or those of several tenants */
export async function eventFilterOf(
  { from, to, type, user, conversation, priority, message, tenant }: EventOptions,
  index: Pick<EventIndex, 'conversationsGiven'>,
): Promise<EventFilter> {
  const conversationId = isGivenId(conversation) ? await given(conversation, tenant, index) : conversation;
  return { from, to, types: type, userId: user, conversationId, priority, messageId: message, tenant };
}

async function given(
  id: string,
  tenant: string | undefined,
  index: Pick<EventIndex, 'conversationsGiven'>,
): Promise<string> {
  const all = await index.conversationsGiven(id);
  const [found, another] = all.filter((each) => tenant === undefined || each.tenant === tenant);
  if (found === undefined) throw new Error(`There is no conversation ${id}.`);
  if (another === undefined) return found.id;
  const tenants = all.map((each) => each.tenant).join(', ');
  throw new InvalidArgumentError(
    `Several tenants have a conversation ${id}: ${tenants}. Name one by --tenant.`,
  );
}

function types(text: string): string[] {
  return text.split(',').flatMap((name) => {
    const named = typesNamed(name, LOG_EVENT_TYPES);
    if (named.length > 0) return named;
    throw new InvalidArgumentError(`"${name}" is no type of event.`);
  });
}

function uuid(text: string): string {
  const id = text.toLowerCase();
  if (isUuid(id)) return id;
  throw new InvalidArgumentError('Give the id of a message.');
}
