import type { Command } from 'commander';
import { Option } from 'commander';
import { LANES } from '../../../domain/message/lane.policy.js';
import { Api } from '../client/api.js';
import { firstOf } from '../client/pages.js';
import { count, defaultUser } from '../messages/message-options.js';
import type { ToldMessage } from '../messages/message-text.policy.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { confirm } from '../terminal/confirm.js';
import { paintFor, writeJson } from '../terminal/terminal.js';
import {
  conversationsText,
  conversationText,
  type ToldConversation,
  turnsText,
} from './conversations-text.policy.js';

interface ConversationOptions extends ServiceOptions {
  readonly json?: boolean;
  readonly limit: number;
  readonly user?: string;
  readonly state?: string;
  readonly title?: string;
  readonly context?: string;
  readonly priority?: string;
  readonly model?: string;
  readonly id?: string;
  readonly yes?: boolean;
}

const PATH = '/api/v1/conversations';
const STATES = ['active', 'inactive', 'completed', 'archived'];

/** `llmq conversations`. */
export function conversationsCommand(conversations: Command, signal: AbortSignal): void {
  const part = (name: string, description: string) =>
    withServiceOptions(conversations.command(name).description(description).option('--json', 'as JSON'));
  const apiOf = (options: ConversationOptions) => Api.of(options, signal);
  const show = (conversation: ToldConversation, { json }: ConversationOptions) => {
    if (json) writeJson(conversation);
    else process.stdout.write(conversationText(conversation, paintFor(process.stdout)));
  };

  part('list', 'conversations, the newest first')
    .option('-u, --user <id>', 'of this user')
    .addOption(new Option('--state <state>', 'in this state').choices(STATES))
    .option('--title <text>', 'with this in their title')
    .option('-n, --limit <number>', 'so many at most', count, 50)
    .action(async (options: ConversationOptions) => {
      const { user, state, title, limit } = options;
      const api = await apiOf(options);
      const found = await firstOf<ToldConversation>(api, PATH, { user_id: user, state, title }, limit);
      if (options.json) writeJson(found);
      else process.stdout.write(conversationsText(found));
    });

  part('show', 'one conversation')
    .argument('<id>')
    .action(async (id: string, options: ConversationOptions) =>
      show(await (await apiOf(options)).get<ToldConversation>(pathOf(id)), options),
    );

  part('messages', 'what was said in a conversation, in the order of its turns')
    .argument('<id>')
    .option('-n, --limit <number>', 'so many of the newest at most', count, 50)
    .action(async (id: string, options: ConversationOptions) => {
      const path = `${pathOf(id)}/messages`;
      const newest = await firstOf<ToldMessage>(await apiOf(options), path, { order: 'desc' }, options.limit);
      const turns = newest.reverse();
      if (options.json) writeJson(turns);
      else process.stdout.write(turnsText(turns, paintFor(process.stdout)));
    });

  part('create', 'makes a conversation')
    .option('-u, --user <id>', 'whose it is; by default the user of this machine')
    .option('--id <id>', 'an id of your own')
    .option('--title <text>', 'its title')
    .option('--context <text>', 'the system prompt of its turns')
    .option('-m, --model <name>', 'the model of its turns')
    .addOption(new Option('-p, --priority <lane>', 'the lane of its turns').choices(LANES))
    .action(async (options: ConversationOptions) => {
      const { user = defaultUser(), id, title, context, model, priority } = options;
      const json = { user_id: user, id, title, context, model, priority };
      show(await (await apiOf(options)).json<ToldConversation>('POST', PATH, { json }), options);
    });

  part('move', 'moves a conversation to another state')
    .argument('<id>')
    .argument('<state>', STATES.join(', '))
    .action(async (id: string, state: string, options: ConversationOptions) => {
      const api = await apiOf(options);
      show(await api.json<ToldConversation>('PUT', `${pathOf(id)}/state`, { json: { state } }), options);
    });

  part('erase', 'erases a conversation with all that was said in it')
    .argument('<id>')
    .option('--yes', 'without being asked')
    .action(async (id: string, options: ConversationOptions) => {
      await confirm(`To erase the conversation ${id}`, options.yes ?? false, signal);
      const erased = await (await apiOf(options)).json<{ messages: number }>('DELETE', pathOf(id));
      if (options.json) writeJson(erased);
      else process.stdout.write(`${id} is erased, with ${erased.messages} messages.\n`);
    });
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}
