/** Written without spaces; the ranges hold the letters of Chinese and Japanese. */
const UNSPACED = '\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff';
const SPACED_WORD = new RegExp(`[[\\p{L}\\p{N}\\p{M}]--[${UNSPACED}]]+(?:['’]\\p{L}+)*`, 'gv');
const UNSPACED_LETTERS = new RegExp(`[${UNSPACED}]+`, 'g');
const PLAIN_WORD = /[a-z0-9]+(?:'[a-z]+)*/gi;
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant.
const ASCII = /^[\u0000-\u007f]*$/;

export interface Words {
  /** Those that stand between spaces, in their order. */
  readonly spaced: readonly string[];
  /** Chinese and Japanese: each character counts as a word, as word processors count. */
  readonly unspaced: number;
}

export function wordsOf(text: string): Words {
  if (ASCII.test(text)) return { spaced: text.match(PLAIN_WORD) ?? [], unspaced: 0 };
  const runs = text.match(UNSPACED_LETTERS) ?? [];
  return {
    spaced: text.match(SPACED_WORD) ?? [],
    unspaced: runs.reduce((sum, run) => sum + run.length, 0),
  };
}

/** A question mark that ends something, not one inside an address; full-width, Arabic and Greek ones included. */
const MARK = /[?？؟](?=["'”’）)\]*_]*(?:[\s?!？！]|$|[^\p{L}\p{N}=&/%#._~-]|\p{Script=Han}))/u;
const ENGLISH =
  /^\W*(?:what|why|how|when|where|who|whom|whose|which|is|are|was|were|do|does|did|can|could|would|will|should|may|have|has)\s(?!to\s)/i;
const CHINESE =
  /什么|什麼|为什么|為什麼|为何|怎么|怎麼|怎样|如何|哪[里裡个個些儿]|谁|誰|多少|几[个點点时]|是否|能否|可否|能不能|可不可以|是不是|有没有|吗|嗎|呢[\s。？?]*$/u;

/** Whether the text asks something, by its marks, or by the words that questions begin with or have in them. */
export function isQuestion(text: string): boolean {
  return MARK.test(text) || ENGLISH.test(text) || CHINESE.test(text);
}
