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
