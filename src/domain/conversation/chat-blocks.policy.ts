import type { ChatMessage, HistoryChanges } from '../message/message.events.js';
import {
  answerTaken,
  callsOf,
  hasReasoning,
  type ToolCall,
  takenMessage,
} from './assistant-message.policy.js';
import { askedOf, type PastTurn } from './past-turn.state.js';

/** What a deployment takes that not every server does. */
export interface Takes {
  /** Earlier answers with their reasoning. */
  readonly reasoning: boolean;
  /** System messages at other places than the front. */
  readonly systemAnywhere: boolean;
}

/**
 * What is sent of a turn, or not, as a whole: a cut between two blocks leaves a valid chat. A turn of its own is one
 * block. Where turns bring results of the calls of the answers before them, each is a block with that answer, and the
 * turn that they all go back to is a block without its answer.
 */
export interface Block {
  /** The turn that asks; null for the one that runs. */
  readonly messageId: string | null;
  readonly place: number;
  readonly messages: readonly ChatMessage[];
  /** System messages that go to the front. */
  readonly system: readonly ChatMessage[];
  /** Which block a chat that begins with this one needs before it: it asked what this one goes on with. */
  readonly opening: number;
  readonly changes: HistoryChanges;
}

/** What a call without a result is answered with: a model must see that nothing came of it. */
export const NO_RESULT = '[no result]';

/** A turn on its way to be a block. */
interface Segment {
  readonly messageId: string | null;
  readonly place: number;
  /** Results of the calls of the answer before, and what is asked. */
  readonly asked: readonly ChatMessage[];
  readonly system: readonly ChatMessage[];
  /** The answer, with marked results where it makes calls that nothing answers. */
  answer: readonly ChatMessage[];
  readonly goesOn: boolean;
  readonly changes: HistoryChanges;
}

/**
 * A conversation as blocks of a chat that any server takes: each call is followed by its results, in their order, and no
 * result is without its call. What a turn without an answer asked is not sent, but results that it brought are. What was
 * only noted is sent as it was said.
 *
 * @param turns oldest first
 */
export function blocksOf(
  turns: readonly PastTurn[],
  request: Parameters<typeof askedOf>[0],
  takes: Takes,
): Block[] {
  const segments: Segment[] = [];
  let loose: ChatMessage[] = [];
  let empty = 0;
  const next = (turn: Parameters<typeof segmentOf>[0]) => {
    const segment = segmentOf(turn, segments.at(-1), loose, takes);
    if (empty > 0) add(segment.changes, 'empty_answers_left_out', empty);
    segments.push(segment);
    loose = [];
    empty = 0;
    return segment;
  };
  for (const turn of turns) {
    if (turn.noted === true) {
      const { asked, answer } = saidIn(turn, takes);
      next({ ...turn, content: null, messages: asked }).answer = answer;
      continue;
    }
    const answer = turn.answer === null ? null : answerTaken(turn.answer, takes.reasoning);
    if (answer === null) {
      loose = [...loose, ...askedOf(turn).filter(isResult)];
      if (turn.answer !== null) empty += 1;
      continue;
    }
    const segment = next(turn);
    if (!takes.reasoning && hasReasoning(turn.answer!)) add(segment.changes, 'reasoning_left_out');
    segment.answer = [answer];
  }
  next({ ...request, messageId: null, place: Number.POSITIVE_INFINITY });
  return segments.reduce<Block[]>((blocks, segment, index) => {
    blocks.push(blockOf(segment, segments[index - 1], segments[index + 1], blocks));
    return blocks;
  }, []);
}

/** What the model said last there is as an answer: results of its calls may follow in another turn. */
function saidIn(turn: PastTurn, takes: Takes): Record<'asked' | 'answer', ChatMessage[]> {
  const messages = [...askedOf(turn)];
  const last = messages.at(-1);
  if (last?.role !== 'assistant') return { asked: messages, answer: [] };
  return { asked: messages.slice(0, -1), answer: [takenMessage(last, takes.reasoning)] };
}

function blockOf(
  segment: Segment,
  before: Segment | undefined,
  next: Segment | undefined,
  blocks: readonly Block[],
): Block {
  const { messageId, place, asked, system, answer, goesOn, changes } = segment;
  return {
    ...{ messageId, place, system, changes },
    messages: [...(goesOn ? before!.answer : []), ...asked, ...(next?.goesOn ? [] : answer)],
    opening: goesOn ? blocks.at(-1)!.opening : blocks.length,
  };
}

/** @param loose results that turns without an answer brought since the one before */
function segmentOf(
  turn: { readonly messageId: string | null; readonly place: number } & Parameters<typeof askedOf>[0],
  before: Segment | undefined,
  loose: readonly ChatMessage[],
  takes: Takes,
): Segment {
  const changes: HistoryChanges = {};
  const all = askedOf(turn);
  const system = takes.systemAnywhere ? [] : all.filter(isSystem);
  const rest = takes.systemAnywhere ? all : all.filter((message) => !isSystem(message));
  const calls = before?.answer.flatMap(callsOf) ?? [];
  const firstAnswer = rest.findIndex(({ role }) => role === 'assistant');
  const own = (firstAnswer === -1 ? rest : rest.slice(0, firstAnswer)).filter(isResult);
  const used = new Set<ChatMessage>();
  const results = resultsOf(calls, [...loose, ...own], used);
  const goesOn = own.some((message) => used.has(message));
  const completed = calls.length - used.size;
  if (completed > 0) add(goesOn ? changes : before!.changes, 'calls_completed', completed);
  if (!goesOn && before !== undefined && calls.length > 0) before.answer = [...before.answer, ...results];
  const asked = pairedOf(
    rest.filter((message) => !used.has(message)),
    goesOn,
    takes,
    changes,
  );
  const { messageId, place } = turn;
  return {
    messageId,
    place,
    system,
    answer: [],
    goesOn,
    changes,
    asked: goesOn ? [...results, ...asked] : asked,
  };
}

/** For each call the first result that names it, or a marked one. */
function resultsOf(
  calls: readonly ToolCall[],
  results: readonly ChatMessage[],
  used: Set<ChatMessage>,
): ChatMessage[] {
  // From the last, so that of several with one id the first is on top.
  const byId = new Map<unknown, ChatMessage[]>();
  for (const result of [...results].reverse()) {
    const same = byId.get(result['tool_call_id']);
    if (same === undefined) byId.set(result['tool_call_id'], [result]);
    else same.push(result);
  }
  return calls.map(({ id }) => {
    const found = byId.get(id)?.pop();
    if (found === undefined) return { role: 'tool', tool_call_id: id, content: NO_RESULT };
    used.add(found);
    return found['content'] == null ? { ...found, content: '' } : found;
  });
}

/** The messages of one turn, each call with its results behind it. */
function pairedOf(
  messages: readonly ChatMessage[],
  goesOn: boolean,
  takes: Takes,
  changes: HistoryChanges,
): readonly ChatMessage[] {
  const paired: ChatMessage[] = [];
  const alone: ChatMessage[] = [];
  const used = new Set<ChatMessage>();
  for (const [index, message] of messages.entries()) {
    if (used.has(message)) continue;
    if (message.role !== 'assistant') {
      (isResult(message) ? alone : paired).push(message);
      continue;
    }
    const taken = takenMessage(message, takes.reasoning);
    if (!takes.reasoning && hasReasoning(message)) add(changes, 'reasoning_left_out');
    const before = used.size;
    const calls = callsOf(taken);
    paired.push(taken);
    for (const result of resultsOf(calls, resultsBehind(messages, index), used)) paired.push(result);
    const missing = calls.length - (used.size - before);
    if (missing > 0) add(changes, 'calls_completed', missing);
  }
  if (alone.length > 0) add(changes, 'results_without_call', alone.length);
  // What is asked must not be lost, and an answer can't be what is asked.
  const asks = paired.length === 0 ? goesOn : paired.at(-1)!.role !== 'assistant';
  if (asks || alone.length === 0 || !isResult(messages.at(-1)!)) return paired;
  const said = alone.map((message) => ({ role: 'user', content: message['content'] ?? '' }));
  return [...paired, ...said];
}

/** Up to the next message of the assistant. */
function resultsBehind(messages: readonly ChatMessage[], index: number): ChatMessage[] {
  let end = index + 1;
  while (end < messages.length && messages[end]!.role !== 'assistant') end += 1;
  return messages.slice(index + 1, end).filter(isResult);
}

function isResult({ role }: ChatMessage): boolean {
  return role === 'tool';
}

function isSystem({ role }: ChatMessage): boolean {
  return role === 'system' || role === 'developer';
}

/** What was changed in several blocks. */
export function allChanges(blocks: readonly Block[]): HistoryChanges {
  const all: HistoryChanges = {};
  for (const { changes } of blocks) {
    for (const [name, times] of Object.entries(changes)) add(all, name as keyof HistoryChanges, times);
  }
  return all;
}

function add(changes: HistoryChanges, name: keyof HistoryChanges, times = 1): void {
  changes[name] = (changes[name] ?? 0) + times;
}
