import {
  type ErasedMessages,
  OUTLIVE_ERASURE,
  type SequencedGroupEvent,
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
import { storableIdentifier } from '../tables/storable-text.js';
import { USAGE_SUM_NAMES, usageOfMessagesSql } from '../tables/usage.tables.js';
import { webhooks } from '../tables/webhook.tables.js';

/** Tables with rows of a message. */
const MESSAGE_TABLES = [
  ...[messageEvents, attempts, deadLetters, webhooks],
  ...[messageResults, messageRequests, messages],
];

/**
 * What an erasure does to rows that are there, in the transaction that holds it, behind the batch's own rows (it is the
 * batch's last event). The places of the erased events are kept until the log holds them no longer.
 */
export function erasureStatements(schema: string, { event, sequence }: SequencedGroupEvent): Statement[] {
  const at = `"${schema}"`;
  switch (event.type) {
    case 'llmq.conversation.erased.v1':
      return [
        ...rememberedWith(at, event.subject, event.data.message_ids ?? []),
        ...messagesErased(at, event.subject, event.tenant, event.data.message_ids ?? []),
        ownEventsErased(at, event.subject, event.tenant, sequence),
      ];
    case 'llmq.conversation.erasure-finished.v1':
    case 'llmq.erasure.finished.v1':
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

/** The same for an erasure of messages, of which the fold says which ones it still finds as they were. */
export function messagesErasedStatements(schema: string, erased: ErasedMessages | null): Statement[] {
  if (erased === null) return [];
  const { id, tenant, messageIds } = erased;
  const at = `"${schema}"`;
  return [...rememberedAlone(at, messageIds), ...messagesErased(at, id, tenant, messageIds)];
}

function rememberedWith(at: string, conversationId: string, ids: readonly string[]): Statement[] {
  if (ids.length === 0) return [];
  return [
    {
      name: 'llmq_erase_remember_with',
      text: `INSERT INTO ${at}.erased_messages (message_id, conversation_id)
        SELECT id, $1 FROM unnest($2::uuid[]) id
        ON CONFLICT (message_id) DO UPDATE SET conversation_id = excluded.conversation_id`,
      values: [conversationId, ids],
    },
  ];
}

/**
 * Under their own ids and not that of the erasure: of several that name a message, a rebuild may take another one to be
 * the first, since it knows nothing of what the log has lost by them.
 */
function rememberedAlone(at: string, ids: readonly string[]): Statement[] {
  if (ids.length === 0) return [];
  return [
    {
      name: 'llmq_erase_remember_alone',
      text: `INSERT INTO ${at}.erased_messages (message_id, conversation_id)
        SELECT id, id FROM unnest($1::uuid[]) id ON CONFLICT DO NOTHING`,
      values: [ids],
    },
  ];
}

function messagesErased(
  at: string,
  conversationId: string,
  tenant: string,
  ids: readonly string[],
): Statement[] {
  if (ids.length === 0) return [];
  return [
    {
      name: 'llmq_erase_queue',
      text: `INSERT INTO ${at}.erasure_queue (conversation_id, sequence, message_id, tenant)
        SELECT $1, sequence, message_id, $3 FROM ${at}.message_events WHERE message_id = ANY($2::uuid[])
        ON CONFLICT DO NOTHING`,
      values: [conversationId, ids, storableIdentifier(tenant)],
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

function ownEventsErased(at: string, conversationId: string, tenant: string, before: number): Statement {
  return {
    name: 'llmq_erase_own_events',
    text: `WITH gone AS (
        DELETE FROM ${at}.conversation_events
        WHERE conversation_id = $1 AND sequence < $2
          AND NOT type = ANY($3::text[])
        RETURNING conversation_id, sequence
      ) INSERT INTO ${at}.erasure_queue (conversation_id, sequence, tenant)
        SELECT conversation_id, sequence, $4 FROM gone ON CONFLICT DO NOTHING`,
    values: [conversationId, before, OUTLIVE_ERASURE, storableIdentifier(tenant)],
  };
}
