import { unspacedFinder, type WordWeights, wordWeights } from './word-weights.policy.js';

/** What words say of a mood, from -5 to 5. */
export type Lexicon = WordWeights;

/** Chinese words, simplified and traditional, on AFINN's scale. A longer one hides the shorter ones that are in it. */
const CHINESE = wordWeights({
  4: '太棒了 完美 非常满意 非常滿意 非常感谢 非常感謝',
  3: '优秀 優秀 喜欢 喜歡 满意 滿意 高兴 高興 开心 開心 精彩 厉害 厲害',
  2: '谢谢 謝謝 感谢 感謝 很好 不错 不錯 好用 顺利 順利 成功 解决了 解決了',
  '-1': '麻烦 麻煩 奇怪 慢 不行',
  '-2': '错误 錯誤 失败 失敗 问题 問題 投诉 投訴 担心 擔心 难用 難用 不好 不满 不滿 不喜欢 不喜歡 不满意 不滿意',
  '-3': '故障 崩溃 崩潰 宕机 宕機 挂了 掛了 糟糕 失望 生气 生氣 愤怒 憤怒 讨厌 討厭 太差 很差 坏了 壞了 无法使用 無法使用',
  '-4': '垃圾 骗子 騙子 灾难 災難 可恶 可惡 非常不满 非常不滿',
});
const findChinese = unspacedFinder(CHINESE);

const NEGATIONS = new Set(
  "not no never cannot don't doesn't didn't isn't aren't wasn't won't can't couldn't shouldn't wouldn't without".split(
    ' ',
  ),
);
/** Negation weakens as it turns; this and the curve below are those of VADER (Hutto and Gilbert, 2014). */
const NEGATED = -0.74;
const NORMALISATION = 15;

/**
 * The mood of a text from -1 to 1; 0 where it tells none.
 *
 * @param words those between spaces, in their order and in lower case
 * @param lexicon of English
 * @param unspaced whether there is Chinese in it
 */
export function sentimentOf(
  text: string,
  words: readonly string[],
  lexicon: Lexicon,
  unspaced: boolean,
): number {
  const sum = english(words, lexicon) + (unspaced ? chinese(text) : 0);
  // `+ 0` makes no difference but to -0, which JSON does not have.
  return Math.round((100 * sum) / Math.sqrt(sum * sum + NORMALISATION)) / 100 + 0;
}

function english(words: readonly string[], lexicon: Lexicon): number {
  let sum = 0;
  for (let at = 0; at < words.length; at += 1) {
    const score = lexicon.get(words[at] ?? '');
    if (score === undefined) continue;
    const negated = NEGATIONS.has(words[at - 1] ?? '') || NEGATIONS.has(words[at - 2] ?? '');
    sum += negated ? NEGATED * score : score;
  }
  return sum;
}

/** Each word once: a text of one repeated word says no more than the word. */
function chinese(text: string): number {
  let sum = 0;
  for (const word of new Set(findChinese(text))) sum += CHINESE.get(word) ?? 0;
  return sum;
}
