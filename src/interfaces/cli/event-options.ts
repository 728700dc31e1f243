import { type Command, InvalidArgumentError, Option } from 'commander';
import { LOG_EVENT_TYPES } from '../../domain/log-event.events.js';
import { LANES, type Lane } from '../../domain/message/message.events.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { type EventFilter, typesNamed } from '../../operations/timeline/event-filter.policy.js';
import { instantOf } from '../rest/instant.policy.js';

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
    .option('--conversation <id>', 'events of this conversation and its messages')
    .addOption(new Option('--priority <lane>', 'events of this lane').choices(LANES))
    .option('--message <id>', 'events of this message', uuid)
    .option('--tenant <name>', 'events of this tenant')
    .option(
      '--after <sequence>',
      'only events after this sequence: continues where an export ended',
      sequence,
    );
}

export function eventFilterFrom(options: EventOptions): EventFilter {
  const { from, to, type, user, conversation, priority, message, tenant } = options;
  return {
    from,
    to,
    types: type,
    userId: user,
    conversationId: conversation,
    priority,
    messageId: message,
    tenant,
  };
}

export function instant(text: string): string {
  const time = instantOf(text);
  if (time === null) throw new InvalidArgumentError('Give a time in ISO 8601, such as 2030-01-31T09:00:00Z.');
  return time;
}

export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number.');
}

function sequence(text: string): number {
  return wholeNumber(text);
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
