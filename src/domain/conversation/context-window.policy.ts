import type { ChatMessage, HistoryChanges, ModelRequest } from '../message/message.events.js';
import { allChanges, type Block, blocksOf, type Takes } from './chat-blocks.policy.js';
import { type ConversationHead, frontOf } from './front-message.policy.js';
import { type Measure, tokensOf } from './message-tokens.policy.js';
import type { PastTurn } from './past-turn.state.js';

export interface ContextWindow extends ConversationHead {
  /** Turns before this one, newest first. */
  readonly earlier: readonly PastTurn[];
  readonly request: ModelRequest;
  readonly takes: Takes;
  /** For all that is sent, the new request and its tools included. */
  readonly maxTokens: number;
  /** Where the history that the model was sent last was cut: at the turn of this message. Null where it was not. */
  readonly cutAt: string | null;
}

export interface ChosenContext {
  readonly messages: ChatMessage[];
  /** The messages whose turns are sent, or a part of them, oldest first. */
  readonly turns: readonly string[];
  /** As far as the summary reaches that is sent; null where none is. */
  readonly summarizedUpTo: number | null;
  /** An estimate: models count otherwise. */
  readonly tokens: number;
  /** Those of the turns that are sent. */
  readonly turnTokens: number;
  /** An answered turn that no summary covers did not fit. */
  readonly leftOut: boolean;
  /** The first turn behind the cut: what is before it was left out. `self` where that is all; null without a cut. */
  readonly cutAt: string | 'self' | null;
  /** There is a summary, and it did not fit. */
  readonly summaryLeftOut: boolean;
  /** The budget that all this was chosen for. */
  readonly maxTokens: number;
  readonly changes: HistoryChanges;
}

/** Of the room that the history has, what is left of it when it is cut. */
const LEFT_BY_A_CUT = 1 / 2;

/**
 * What a model is sent of a conversation: the system messages and the new request always, the summary where it fits, then
 * the turns that it does not cover, from a place on to the newest. That place stays where it is from turn to turn, so that
 * each list begins with the one before and servers find in their caches what they have read. When the budget is full, the
 * list is cut to half of the room: a cut with each turn would leave nothing to be found.
 */
export function chooseContext(window: ContextWindow, measure: Measure): ChosenContext {
  const { summary, maxTokens, takes, request } = window;
  const covered = summary?.upToSequence ?? 0;
  const turns = window.earlier.filter(({ place }) => place > covered).reverse();
  const blocks = blocksOf(turns, request, takes);
  const costs = costsOf(blocks, window, measure);
  const summed = costs.total(blocks.length - 1, summary) <= maxTokens ? summary : null;
  const first = firstSent(blocks, (block) => costs.total(block, summed), window);
  const { opening } = blocks[first]!;
  const sent = [...(opening === first ? [] : [blocks[opening]!]), ...blocks.slice(first)];
  const system = frontOf({ ...window, summary: summed }, sent);
  return {
    messages: [...system.messages, ...sent.flatMap(({ messages }) => messages)],
    turns: turnsIn(blocks, first),
    summarizedUpTo: summed?.upToSequence ?? null,
    tokens: costs.total(first, summed),
    turnTokens: costs.total(first, summed) - costs.total(blocks.length - 1, summed),
    leftOut: first > 0,
    cutAt: first === 0 ? null : (blocks[first]!.messageId ?? 'self'),
    summaryLeftOut: summed !== summary,
    maxTokens,
    changes: { ...allChanges(sent), ...(system.moved === 0 ? {} : { system_messages_moved: system.moved }) },
  };
}

/** Which block the list begins with. The one that runs, the last, is always sent. */
function firstSent(
  blocks: readonly Block[],
  total: (first: number) => number,
  { cutAt, maxTokens }: ContextWindow,
): number {
  if (total(0) <= maxTokens) return 0;
  const from =
    cutAt === null
      ? 0
      : Math.max(
          0,
          blocks.findIndex(({ messageId }) => messageId === cutAt),
        );
  if (total(from) <= maxTokens) return from;
  const last = blocks.length - 1;
  const always = total(last);
  const halfFull = always + (maxTokens - always) * LEFT_BY_A_CUT;
  const upTo = (most: number) => {
    for (let first = from; first < last; first += 1) if (total(first) <= most) return first;
    return last;
  };
  const cut = upTo(halfFull);
  // One turn that is longer than half of the room is still worth more than none.
  return cut === last ? upTo(maxTokens) : cut;
}

interface Costs {
  /** Of a list that begins with this block. */
  total(first: number, summary: ContextWindow['summary']): number;
}

function costsOf(blocks: readonly Block[], window: ContextWindow, measure: Measure): Costs {
  const own = blocks.map(({ messages }) => tokensOf(messages, measure));
  const opened = (index: number) => own[index]! + tokensOf(blocks[index]!.system, measure);
  const ask = toolTokens(window.request, measure);
  const seen = new Set<string>();
  const from: number[] = [];
  let sum = 0;
  // From the last: a system message that several turns have is sent once.
  for (let index = blocks.length - 1; index >= 0; index -= 1) {
    for (const message of blocks[index]!.system) {
      const text = JSON.stringify(message['content']);
      if (!seen.has(text)) sum += tokensOf([message], measure);
      seen.add(text);
    }
    sum += own[index]!;
    from[index] = sum;
  }
  const head = (summary: ContextWindow['summary']) =>
    ask + tokensOf(frontOf({ ...window, summary }, []).messages, measure);
  const heads = new Map([null, window.summary].map((summary) => [summary, head(summary)]));
  return {
    total: (first, summary) => {
      const { opening } = blocks[first]!;
      return heads.get(summary)! + from[first]! + (opening === first ? 0 : opened(opening));
    },
  };
}

/** What else of a request is a part of what the model reads. */
function toolTokens({ parameters }: ModelRequest, { count }: Measure): number {
  const read = ['tools', 'functions', 'response_format'].filter((name) => parameters[name] != null);
  return read.reduce((sum, name) => sum + count(JSON.stringify(parameters[name])), 0);
}

function turnsIn(blocks: readonly Block[], first: number): readonly string[] {
  const { opening } = blocks[first]!;
  // The answer that a first block goes on with belongs to the turn before it.
  const begins = opening === first ? [] : [blocks[opening]!, blocks[first - 1]!];
  return [...new Set([...begins, ...blocks.slice(first)])].flatMap(({ messageId }) => messageId ?? []);
}
