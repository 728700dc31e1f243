import type { TokenCount } from '../domain/conversation/context-window.policy.js';

/** Counting takes about 0.1 µs for each character: beyond this much text a sample is counted and scaled up. */
const SAMPLE = 20_000;

let tokenizer: Promise<(text: string) => number> | null = null;

/** GPT-4o's tokenizer, the best guess for a model that tells us nothing; loaded when it is first needed, since its table is large. */
export async function tokenCount(): Promise<TokenCount> {
  tokenizer ??= import('gpt-tokenizer').then(
    ({ countTokens }) =>
      (text) =>
        countTokens(text, ANY_TEXT),
  );
  const count = await tokenizer;
  return (text) =>
    text.length <= SAMPLE ? count(text) : Math.ceil((count(text.slice(0, SAMPLE)) * text.length) / SAMPLE);
}

/** Text that looks like a control token (`<|endoftext|>`) is text. */
const ANY_TEXT = { disallowedSpecial: new Set<string>() };
