import type { DeadLetterRow } from '../../domain/message/message.projection.js';
import { storableIdentifier, storableJson, storableText } from '../tables/storable-text.js';
import { type ColumnWrite, column, replaceAll, type TableWrite } from './table-writes.js';

const columns: readonly ColumnWrite<DeadLetterRow>[] = [
  column('message_id', 'uuid', ({ message }) => message.id),
  column('tenant', 'text', ({ message }) => storableIdentifier(message.tenant)),
  column('state', 'text', ({ state }) => state),
  column('user_id', 'text', ({ message }) => storableIdentifier(message.userId)),
  column('priority', 'text', ({ message }) => message.priority),
  column('model', 'text', ({ message }) => (message.model === null ? null : storableText(message.model))),
  column('error', 'json', ({ message }) => storableJson(message.error)),
  column('error_code', 'text', ({ message }) => storableText(message.error?.code ?? '')),
  column('attempts', 'integer', ({ message }) => message.attempts),
  column('last_attempt', 'integer', ({ message }) => message.currentAttempt),
  column('created_at', 'timestamptz', ({ message }) => message.createdAt),
  column('dead_lettered_at', 'timestamptz', ({ message }) => message.completedAt),
  column('received_sequence', 'bigint', ({ message }) => message.receivedSequence),
  column('terminal_sequence', 'bigint', ({ message }) => message.terminalSequence),
  column('last_sequence', 'bigint', ({ sequence }) => sequence),
];

export const deadLetterWrite: TableWrite<DeadLetterRow> = {
  table: 'dead_letters',
  columns,
  onConflict: `ON CONFLICT (message_id) DO UPDATE SET ${replaceAll(columns, ['message_id', 'tenant'])}
    WHERE dead_letters.last_sequence < excluded.last_sequence`,
};
