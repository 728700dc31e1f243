import { readScript, withoutDirectives } from './demo-directives.policy.js';

/** A chat message as far as the demo model reads it. */
export interface DemoMessage {
  readonly role: string;
  readonly content?: unknown;
}

/** How much of the message the answer repeats, in code points. */
const QUOTED = 120;

/**
 * The demo model's answer: the same for the same last user message, and different for different ones, so that a test
 * can tell from an answer which message it belongs to. Of a tool that was called it repeats what that said.
 *
 * @throws {DemoDirectiveError}
 */
export function demoAnswer(messages: readonly DemoMessage[]): string {
  const text = lastUserText(messages);
  const { tokens } = readScript(text);
  if (tokens !== null) return Array.from({ length: tokens }, (_, index) => `word${index + 1}`).join(' ');
  const last = messages.at(-1);
  const said = isToolResult(last) ? textOf(last?.content) : withoutDirectives(text);
  const points = [...said];
  const quoted = points.length > QUOTED ? `${points.slice(0, QUOTED).join('')}…` : said;
  return `The demo model read ${points.length} characters (fingerprint ${fingerprint(text)}): ${quoted}`;
}

/** Splits a text into what the demo model counts as tokens; joined they are the text. */
export function demoTokens(text: string): string[] {
  return text.match(/\s*\S{1,12}|\s+$/gu) ?? [];
}

export function lastUserText(messages: readonly DemoMessage[]): string {
  return textOf(messages.findLast(({ role }) => role === 'user')?.content);
}

export function isToolResult(message: DemoMessage | undefined): boolean {
  return message?.role === 'tool';
}

/** Content is a string, or parts of which some are text. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (typeof part?.text === 'string' ? part.text : '')).join('');
}

/** FNV-1a, 32 bit, over UTF-16 code units, in hex. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
