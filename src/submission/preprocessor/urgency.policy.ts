import { unspacedFinder, wordWeights } from './word-weights.policy.js';

/** How much a word by itself speaks for urgency, from 0 to 1. */
const ENGLISH = wordWeights({
  0.6: 'emergency urgent urgently',
  0.5: 'asap outage immediately',
  0.4: 'critical hurry escalate crashed crashing unavailable breach',
  0.3: 'deadline down blocked blocking broken crash stuck quickly overdue production',
  0.2: 'failing failed fails failure now today tonight error errors incident',
  0.1: 'help soon problem issue waiting',
});

const CHINESE = wordWeights({
  0.6: '紧急 緊急 十万火急 十萬火急 救命',
  0.5: '宕机 宕機 加急 马上 馬上 立刻 立即',
  0.4: '崩溃 崩潰 挂了 掛了 尽快 儘快 赶紧 趕緊 无法使用 無法使用',
  0.3: '故障 截止 中断 中斷 严重 嚴重 生产环境 生產環境',
  0.2: '报错 報錯 失败 失敗 今天 现在 現在',
  0.1: '帮忙 幫忙 问题 問題',
});

const findChinese = unspacedFinder(CHINESE);
const SHOUTED = /\b[A-Z]{3,}\b/g;
const EXCLAMATION = 0.08;
const MOST_EXCLAMATIONS = 3;
const SHOUTING = 0.1;
const LEAST_SHOUTED = 2;
const BAD_MOOD = 0.2;

/**
 * How urgent a text seems, from 0 to 1: each sign leaves a share of the doubt that the others left, so that one word
 * never makes it certain. Each word counts once, so that a text is not urgent for its length.
 *
 * @param words those between spaces, in lower case
 * @param unspaced whether there is Chinese in it
 * @param sentiment from -1 to 1
 */
export function urgencyOf(
  text: string,
  words: readonly string[],
  unspaced: boolean,
  sentiment: number,
): number {
  let doubt = 1 - BAD_MOOD * Math.max(0, -sentiment);
  for (const word of urgentWords(text, words, unspaced)) {
    doubt *= 1 - (ENGLISH.get(word) ?? CHINESE.get(word) ?? 0);
  }
  doubt *= 1 - EXCLAMATION * Math.min(MOST_EXCLAMATIONS, text.match(/[!！]/g)?.length ?? 0);
  if (isShouting(text)) doubt *= 1 - SHOUTING;
  return Math.round(100 * (1 - doubt)) / 100;
}

function urgentWords(text: string, words: readonly string[], unspaced: boolean): ReadonlySet<string> {
  const found = new Set(unspaced ? findChinese(text) : []);
  for (const word of words) if (ENGLISH.has(word)) found.add(word);
  return found;
}

/** One word in capitals is an abbreviation; several are a raised voice. */
function isShouting(text: string): boolean {
  return (text.match(SHOUTED)?.length ?? 0) >= LEAST_SHOUTED;
}
