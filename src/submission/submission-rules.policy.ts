import { CHOICE_STRATEGIES } from '../domain/choice-strategies.policy.js';
import { CONVERSATION_STATES, DOUBLE_TEXTING } from '../domain/conversation/conversation.events.js';
import { isGivenId } from '../domain/conversation/given-id.policy.js';
import { LANES } from '../domain/message/lane.policy.js';
import { isQueueField } from '../domain/message/queue-fields.policy.js';
import { isUuid } from '../domain/uuid.policy.js';

/**
 * What each part of a submission must be, the same at every intake. A rule answers null, or says in words what the
 * value must be; the field's name goes before it.
 *
 * Content is any Unicode, NUL and lone surrogates included: it is stored escaped, in JSON. What identifies something is
 * stricter, because it goes into PostgreSQL's `text`, log lines and addresses.
 */
export type Rule = (value: unknown) => string | null;

export const MAX_IDENTIFIER_LENGTH = 256;
export const MAX_MESSAGES = 10_000;
export const MAX_RETRIES = 100;
export const MAX_TIMEOUT_MS = 24 * 60 * 60 * 1_000;
export const MAX_BASE_DELAY_MS = 24 * 60 * 60 * 1_000;
export const MAX_METADATA_CHARACTERS = 16 * 1024;
export const MAX_METADATA_DEPTH = 8;
/** Tools carry JSON schemas, which nest deeply; PostgreSQL and JSON.stringify stand far more than this. */
export const MAX_DEPTH = 64;

const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

export const identifier: Rule = (value) => {
  if (typeof value !== 'string') return 'must be a string';
  if (value.length === 0) return 'must not be empty';
  if (value.length > MAX_IDENTIFIER_LENGTH) return `must have at most ${MAX_IDENTIFIER_LENGTH} characters`;
  return UNPRINTABLE.test(value) ? 'must not contain control characters, NUL or lone surrogates' : null;
};

/** One that the service gave out, or one of the client's own. */
export const conversationId: Rule = (value) =>
  isUuid(value) || isGivenId(value)
    ? null
    : 'must be the id of a conversation, or one of your own: 1 to 128 of A-Z, a-z, 0-9, ".", "_", ":" and "-"';

/** For a conversation that is to be made. */
export const givenConversationId: Rule = (value) =>
  isUuid(value) ? 'must not be a UUID: those are given out by the service' : conversationId(value);

export const messageId: Rule = (value) => (isUuid(value) ? null : 'must be the id of a message, a UUID');

/** The size in bytes is checked apart, since it is told with a status of its own. */
export const content: Rule = (value) => {
  if (typeof value !== 'string') return 'must be a string';
  return value.length === 0 ? 'must not be empty' : null;
};

export const chatMessages: Rule = (value) => {
  if (!Array.isArray(value)) return 'must be an array of chat messages';
  if (value.length === 0) return 'must not be empty';
  if (value.length > MAX_MESSAGES) return `must have at most ${MAX_MESSAGES} messages`;
  const wrong = value.findIndex((message) => !isObject(message) || roleProblem(message['role']) !== null);
  if (wrong !== -1) return `must hold objects with a role; the one at index ${wrong} has none`;
  return tooDeep(value, MAX_DEPTH + 2) ? `must not nest deeper than ${MAX_DEPTH} levels` : null;
};

/** A text or its tokens, or a list of either; what is in the lists is the model's business. */
const textOrTokens = (allowEmpty: boolean): Rule => {
  return (value) => {
    if (typeof value === 'string') return value === '' && !allowEmpty ? 'must not be empty' : null;
    if (!Array.isArray(value)) return 'must be a text, or a list of texts or tokens';
    return value.length === 0 ? 'must not be empty' : null;
  };
};

/** Of a completion. A model may well begin with nothing. */
export const prompt = textOrTokens(true);

/** What embeddings are made of. */
export const input = textOrTokens(false);

const roleProblem: Rule = (value) => identifier(value);

export const priority: Rule = (value) =>
  (LANES as readonly unknown[]).includes(value) ? null : `must be one of ${LANES.join(', ')}`;

export function wholeNumber(least: number, most: number): Rule {
  return (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : `must be a whole number from ${least} to ${most}`;
}

const BACKOFF_KINDS: readonly unknown[] = ['exponential', 'fixed'];

export const retryBackoff: Rule = (value) => {
  if (!isObject(value)) return 'must be an object with kind and base_delay_ms';
  const unknown = Object.keys(value).find((key) => key !== 'kind' && key !== 'base_delay_ms');
  if (unknown !== undefined) return `must not hold ${JSON.stringify(unknown.slice(0, 40))}`;
  if (!BACKOFF_KINDS.includes(value['kind'])) return 'must have a kind, exponential or fixed';
  const problem = wholeNumber(1, MAX_BASE_DELAY_MS)(value['base_delay_ms']);
  return problem === null ? null : `has base_delay_ms, which ${problem}`;
};

export const metadata: Rule = (value) => {
  if (!isObject(value)) return 'must be an object';
  for (const key in value) {
    const problem = identifier(key);
    if (problem !== null) return `has the key ${JSON.stringify(key.slice(0, 40))}, and a key ${problem}`;
  }
  if (tooDeep(value, MAX_METADATA_DEPTH)) return `must not nest deeper than ${MAX_METADATA_DEPTH} levels`;
  return JSON.stringify(value).length > MAX_METADATA_CHARACTERS
    ? `must have at most ${MAX_METADATA_CHARACTERS} characters as JSON`
    : null;
};

/** These are fields of the message itself, or ours to decide; as parameters they would contradict it. */
const RESERVED = ['model', 'messages', 'stream', 'stream_options', 'service_tier'];

/** Parameters go to the model's endpoint as they are; which of them it knows is its own business. */
export const parameters: Rule = (value) => {
  if (!isObject(value)) return 'must be an object';
  for (const key in value) {
    if (RESERVED.includes(key)) return `must not hold ${key}`;
    if (isQueueField(key, value[key])) return `must not hold ${key}, which is a field of the message`;
  }
  return handedOn(value);
};

/** What goes to a model, whatever it is called. */
export const handedOn: Rule = (value) => {
  if (!isObject(value)) return 'must be an object';
  for (const key in value) {
    const problem = identifier(key);
    if (problem !== null) return `has the key ${JSON.stringify(key.slice(0, 40))}, and a key ${problem}`;
  }
  return tooDeep(value, MAX_DEPTH) ? `must not nest deeper than ${MAX_DEPTH} levels` : null;
};

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Looks at most `levels` deep, so that a body of a million brackets costs no more than a flat one. */
export function tooDeep(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const inner of Object.values(value)) {
    if (tooDeep(inner, levels - 1)) return true;
  }
  return false;
}

export const MAX_TITLE_LENGTH = 512;

function oneOf(values: readonly string[]): Rule {
  return (value) =>
    (values as readonly unknown[]).includes(value) ? null : `must be one of ${values.join(', ')}`;
}

export const conversationState = oneOf(CONVERSATION_STATES);
export const doubleTexting = oneOf(DOUBLE_TEXTING);
/** Of a list, by time. */
export const listOrder = oneOf(['asc', 'desc']);
/** Of turns, which are not in the order of time. */
export const pageOrder = oneOf(['asc', 'desc', 'newest_first', 'oldest_first']);

/** Of a conversation. */
export const title: Rule = (value) => {
  if (typeof value !== 'string') return 'must be a string';
  if (value.length > MAX_TITLE_LENGTH) return `must have at most ${MAX_TITLE_LENGTH} characters`;
  return UNPRINTABLE.test(value) ? 'must not contain control characters, NUL or lone surrogates' : null;
};

/** Any text: it goes to the model as it is. Its size is checked apart, as that of content. */
export const systemPrompt: Rule = (value) => (typeof value === 'string' ? null : 'must be a string');

/** More would hide that nothing works for longer than a client waits. */
export const MAX_FALLBACKS = 16;

/** Names of models. That they are served is checked apart, since it is told with a code of its own. */
export const fallbacks: Rule = (value) => {
  if (!Array.isArray(value)) return 'must be a list of models';
  if (value.length > MAX_FALLBACKS) return `must name at most ${MAX_FALLBACKS} models`;
  const wrong = value.findIndex((model) => identifier(model) !== null);
  return wrong === -1
    ? null
    : `must hold names of models; the one at index ${wrong} ${identifier(value[wrong])}`;
};

export const choiceStrategy = oneOf(CHOICE_STRATEGIES);
export const failover = oneOf(['continue', 'restart', 'fail']);

/** How to choose among endpoints of the model, as an object with `strategy` and `session`. */
export const routing: Rule = (value) => {
  if (!isObject(value)) return 'must be an object with strategy or session';
  const unknown = Object.keys(value).find((key) => key !== 'strategy' && key !== 'session');
  if (unknown !== undefined) return `must not hold ${JSON.stringify(unknown.slice(0, 40))}`;
  const { strategy, session } = value;
  const wrongStrategy = strategy == null ? null : choiceStrategy(strategy);
  if (wrongStrategy !== null) return `has a strategy, which ${wrongStrategy}`;
  const wrongSession = session == null ? null : identifier(session);
  return wrongSession === null ? null : `has a session, which ${wrongSession}`;
};

export const MAX_URL_LENGTH = 2_048;

/** Where a webhook may go. Whether the address may be called at all is checked apart. */
export const callbackUrl: Rule = (value) => {
  if (typeof value !== 'string' || !URL.canParse(value)) return 'must be a URL';
  if (value.length > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} characters`;
  const { protocol, username, password, hash } = new URL(value);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must begin with https:// or http://';
  if (username !== '' || password !== '') return 'must hold no user and no password; check the signature';
  return hash === '' ? null : 'must have no # part, which is not sent';
};
