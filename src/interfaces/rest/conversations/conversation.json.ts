import type { ConversationState } from '../../../domain/conversation/conversation.state.js';
import type { Page } from '../../../projection/read/page.js';

/** A conversation as REST clients read it. */
export function conversationJson(conversation: ConversationState): Record<string, unknown> {
  return {
    id: conversation.id,
    user_id: conversation.userId,
    title: conversation.title,
    context: conversation.context,
    priority: conversation.priority,
    model: conversation.model,
    double_texting: conversation.doubleTexting,
    metadata: conversation.metadata,
    state: conversation.state,
    message_count: conversation.messageCount,
    created_at: conversation.createdAt,
    updated_at: conversation.updatedAt,
    last_message_at: conversation.lastMessageAt,
    summary: summaryJson(conversation.summary),
  };
}

function summaryJson(summary: ConversationState['summary']): Record<string, unknown> | null {
  if (summary === null) return null;
  return { content: summary.text, model: summary.model, up_to_message_id: summary.upToMessageId };
}

export function conversationPageJson(page: Page<ConversationState>): Record<string, unknown> {
  return { data: page.data.map(conversationJson), next_cursor: page.nextCursor };
}
