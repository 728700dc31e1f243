import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TokenCount } from '../domain/conversation/message-tokens.policy.js';

/** Counting takes about 0.1 µs for each character: beyond this much text a sample is counted and scaled up. */
const SAMPLE = 20_000;
/** Counting a shorter text costs less than remembering it. */
const SHORT = 500;
/** The turns of many conversations, some 100 bytes each. */
const REMEMBERED = 20_000;

let tokenizer: Promise<(text: string) => number> | null = null;
/** By digest, so that no text stays in memory that is erased elsewhere. Each turn counts all turns before it again. */
const counted = new LRUCache<string, number>({ max: REMEMBERED });

/** GPT-4o's tokenizer, the best guess for a model that tells us nothing; loaded when it is first needed, since its table is large. */
export async function tokenCount(): Promise<TokenCount> {
  tokenizer ??= import('gpt-tokenizer').then(
    ({ countTokens }) =>
      (text) =>
        countTokens(text, ANY_TEXT),
  );
  const count = await tokenizer;
  const sampled: TokenCount = (text) =>
    text.length <= SAMPLE ? count(text) : Math.ceil((count(text.slice(0, SAMPLE)) * text.length) / SAMPLE);
  return (text) => {
    if (text.length < SHORT) return sampled(text);
    const digest = hash('sha256', text, 'base64');
    const known = counted.get(digest);
    if (known !== undefined) return known;
    const tokens = sampled(text);
    counted.set(digest, tokens);
    return tokens;
  };
}

/** Text that looks like a control token (`<|endoftext|>`) is text. */
const ANY_TEXT = { disallowedSpecial: new Set<string>() };
