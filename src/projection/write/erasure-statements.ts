import {
  OUTLIVE_ERASURE,
  type SequencedConversationEvent,
} from '../../domain/conversation/conversation.projection.js';
import type { Statement } from '../tables/checkpoint.js';
import {
  attempts,
  deadLetters,
  messageEvents,
  messageRequests,
  messageResults,
  messages,
} from '../tables/message.tables.js';
import { USAGE_SUM_NAMES, usageOfMessagesSql } from '../tables/usage.tables.js';

/** Tables with rows of a message. */
const MESSAGE_TABLES = [messageEvents, attempts, deadLetters, messageResults, messageRequests, messages];

/**
 * What an erasure does to rows that are there, in the transaction that holds it, behind the batch's own rows (it is the
 * batch's last event). The places of the erased events are kept until the log holds them no longer.
 */
export function erasureStatements(
  schema: string,
  { event, sequence }: SequencedConversationEvent,
): Statement[] {
  const at = `"${schema}"`;
  switch (event.type) {
    case 'llmq.conversation.erased.v1':
      return [
        ...messagesErased(at, event.subject, event.data.message_ids ?? []),
        ownEventsErased(at, event.subject, sequence),
      ];
    case 'llmq.conversation.erasure-finished.v1':
      return [
        {
          name: 'llmq_erasure_finished',
          text: `DELETE FROM ${at}.erasure_queue WHERE conversation_id = $1 AND sequence <= $2`,
          values: [event.subject, event.data.up_to_sequence],
        },
      ];
    default:
      return [];
  }
}

function messagesErased(at: string, conversationId: string, ids: readonly string[]): Statement[] {
  if (ids.length === 0) return [];
  return [
    {
      name: 'llmq_erase_remember',
      text: `INSERT INTO ${at}.erased_messages (message_id, conversation_id)
        SELECT id, $1 FROM unnest($2::uuid[]) id ON CONFLICT DO NOTHING`,
      values: [conversationId, ids],
    },
    {
      name: 'llmq_erase_queue',
      text: `INSERT INTO ${at}.erasure_queue (conversation_id, sequence, message_id)
        SELECT $1, sequence, message_id FROM ${at}.message_events WHERE message_id = ANY($2::uuid[])
        ON CONFLICT DO NOTHING`,
      values: [conversationId, ids],
    },
    usageTakenBack(at, ids),
    {
      name: 'llmq_erase_no_usage',
      text: `DELETE FROM ${at}.usage_hours WHERE messages = 0 AND summaries = 0
        AND tenant IN (SELECT DISTINCT tenant FROM ${at}.messages WHERE id = ANY($1::uuid[]))`,
      values: [ids],
    },
    ...MESSAGE_TABLES.map(({ name, subject }) => ({
      name: `llmq_erase_${name}`,
      text: `DELETE FROM ${at}.${name} WHERE ${subject} = ANY($1::uuid[])`,
      values: [ids],
    })),
  ];
}

/**
 * A log without the erased events gives sums without what they used, so these sums go on without it too.
 */
function usageTakenBack(at: string, ids: readonly string[]): Statement {
  return {
    name: 'llmq_erase_usage',
    text: `UPDATE ${at}.usage_hours u SET ${USAGE_SUM_NAMES.map((name) => `${name} = u.${name} - gone.${name}`).join(', ')}
      FROM (${usageOfMessagesSql(at)}) gone
      WHERE u.tenant = gone.tenant AND u.hour = gone.hour AND u.user_id = gone.user_id
        AND u.key_name = gone.key_name AND u.model = gone.model AND u.endpoint = gone.endpoint`,
    values: [ids],
  };
}

function ownEventsErased(at: string, conversationId: string, before: number): Statement {
  return {
    name: 'llmq_erase_own_events',
    text: `WITH gone AS (
        DELETE FROM ${at}.conversation_events
        WHERE conversation_id = $1 AND sequence < $2
          AND NOT type = ANY($3::text[])
        RETURNING conversation_id, sequence
      ) INSERT INTO ${at}.erasure_queue (conversation_id, sequence)
        SELECT conversation_id, sequence FROM gone ON CONFLICT DO NOTHING`,
    values: [conversationId, before, OUTLIVE_ERASURE],
  };
}
