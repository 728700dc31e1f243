import type { ToldMessage } from '../messages/message-text.policy.js';
import { table } from '../table.policy.js';
import { timeText } from '../terminal/amounts.policy.js';
import { type Paint, painted } from '../terminal/colour.policy.js';
import { plainText, shortened } from '../terminal/plain-text.policy.js';

/** A conversation as `GET /api/v1/conversations/{id}` tells it. */
export interface ToldConversation {
  readonly id: string;
  readonly user_id: string;
  readonly title: string | null;
  readonly context: string | null;
  readonly priority: string | null;
  readonly model: string | null;
  readonly double_texting: string;
  readonly state: string;
  readonly message_count: number;
  readonly created_at: string;
  readonly last_message_at: string | null;
}

export function conversationsText(conversations: readonly ToldConversation[]): string {
  if (conversations.length === 0) return 'There are no conversations.\n';
  return table([
    ['conversation', 'state', 'user', 'messages', 'last message', 'title'],
    ...conversations.map(({ id, state, user_id, message_count, last_message_at, title }) => [
      ...[id, state, shortened(user_id, 20), String(message_count), timeText(last_message_at)],
      shortened(title ?? '', 40),
    ]),
  ]);
}

export function conversationText(conversation: ToldConversation, paint: Paint): string {
  const facts: [string, string | null][] = [
    ['conversation', conversation.id],
    ['title', conversation.title],
    ['state', conversation.state],
    ['user', conversation.user_id],
    ['lane', conversation.priority],
    ['model', conversation.model],
    ['while open', conversation.double_texting],
    ['messages', String(conversation.message_count)],
    ['created', timeText(conversation.created_at)],
    ['last message', conversation.last_message_at === null ? null : timeText(conversation.last_message_at)],
    ['context', conversation.context === null ? null : shortened(conversation.context, 200)],
  ];
  return facts
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${paint('dim', name.padEnd(12))}  ${value}\n`)
    .join('');
}

/** What was said, turn by turn. */
export function turnsText(turns: readonly ToldMessage[], paint: Paint): string {
  return turns
    .map((turn) => {
      const asked = `${paint('bold', `${timeText(turn.created_at)}  ${turn.user_id}`)}\n${plainText(turn.content ?? '(no text)')}\n`;
      const said = turn.result?.content;
      const answer = said ? plainText(said) : `(${painted(paint, turn.status)})`;
      return `${asked}\n${paint('cyan', turn.result?.model ?? turn.model ?? 'model')}\n${answer}\n`;
    })
    .join('\n');
}
