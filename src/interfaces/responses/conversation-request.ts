import type { ChatMessage } from '../../domain/message/message.events.js';
import { unkeptProblems } from '../../submission/kept-as-sent.js';
import { type FieldProblem, invalidFields } from '../../submission/refusal.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { FieldCheck } from '../openai/request-fields.js';
import { chatOfItems } from './chat-of-items.policy.js';

/** What is said of a conversation. */
export interface ConversationFields {
  readonly metadata: Record<string, unknown>;
  /** What was said in it, each item in a turn of its own: it can be deleted alone. */
  readonly turns: readonly (readonly ChatMessage[])[];
}

type Field = 'metadata' | 'items';
/** As OpenAI has it. */
const MOST_ITEMS = 20;

/**
 * @param known the fields that there may be
 * @param wanted those of them that must be there
 * @throws {RefusedError} `invalid_fields`
 */
export function conversationFields(
  body: unknown,
  known: readonly Field[],
  wanted: readonly Field[] = [],
): ConversationFields {
  if (!rules.isObject(body)) throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
  const check = new FieldCheck();
  const { metadata, items } = body;
  check.ifThere('metadata', metadata, rules.metadata);
  for (const field of wanted) {
    if (body[field] === undefined) check.problems.push({ field, reason: 'is missing' });
  }
  for (const field in body) {
    if (!(known as readonly string[]).includes(field)) check.problems.push({ field, reason: 'is not known' });
  }
  const turns = items == null ? [] : turnsOf(items, check.problems);
  check.problems.push(...unkeptProblems(body, () => 'none'));
  if (check.problems.length > 0) throw invalidFields(check.problems);
  return { metadata: (metadata as Record<string, unknown> | null | undefined) ?? {}, turns };
}

/** Reasoning goes with what the model said next. */
function turnsOf(items: unknown, problems: FieldProblem[]): ChatMessage[][] {
  if (!Array.isArray(items) || items.length > MOST_ITEMS) {
    problems.push({ field: 'items', reason: `must be a list of at most ${MOST_ITEMS} items` });
    return [];
  }
  const turns: ChatMessage[][] = [];
  let reasoning: unknown[] = [];
  for (const [index, item] of items.entries()) {
    if (rules.isObject(item) && item['type'] === 'reasoning') {
      reasoning.push(item);
      continue;
    }
    const found: FieldProblem[] = [];
    const turn = chatOfItems([...reasoning, item], 'items', found);
    const at = `items[${reasoning.length}]`;
    problems.push(
      ...found.map(({ field, reason }) => ({ field: field.replace(at, `items[${index}]`), reason })),
    );
    turns.push(turn);
    reasoning = [];
  }
  return turns;
}
