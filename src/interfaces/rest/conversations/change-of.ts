import type {
  ConversationChanges,
  WantedChange,
} from '../../../domain/conversation/change-conversation.decision.js';
import type { NewConversation } from '../../../domain/conversation/create-conversation.decision.js';
import type { ChangeConversationDto, CreateConversationDto } from './conversation.dto.js';

type Settings = Omit<ChangeConversationDto, 'state'>;

export function newConversationOf({ user_id, ...settings }: CreateConversationDto): NewConversation {
  return { user_id, ...changesOf(settings) };
}

export function changeOf({ state, ...settings }: ChangeConversationDto): WantedChange {
  return { changes: changesOf(settings), state: state ?? undefined };
}

/** Null is a value for what a conversation can do without, and the default for the rest. */
function changesOf(settings: Settings): ConversationChanges {
  const { title, context, priority, model, double_texting: texting, metadata } = settings;
  return {
    ...(title === undefined ? {} : { title }),
    ...(context === undefined ? {} : { context }),
    ...(priority === undefined ? {} : { priority }),
    ...(model === undefined ? {} : { model }),
    ...(texting === undefined ? {} : { double_texting: texting ?? 'enqueue' }),
    ...(metadata === undefined ? {} : { metadata: metadata ?? {} }),
  };
}
