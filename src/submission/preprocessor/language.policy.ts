/**
 * The language of a text, ISO 639-1, as far as its script and its commonest words tell; both cost a few microseconds.
 * `undecided` where it takes statistics of letters, null where there are no letters to speak of.
 */
export type Verdict = { readonly language: string | null } | 'undecided';

const LEAST_LETTERS = 2;
/** One ideograph says about as much as this many letters. */
const LETTERS_PER_IDEOGRAPH = 2;
/** Japanese needs kana in nearly every phrase; Chinese quotes some at most. */
const KANA_SHARE = 0.05;
/** In so short a text one common word is enough; statistics of its letters would be guesses. */
const FEW_WORDS = 12;
/** More would hardly tell more. */
const MOST_WORDS = 40;

/** In the order of the counters. Scripts that one language alone, or nearly, is written in name it. */
const SCRIPTS = ['latin', 'han', 'kana', 'other', 'ko', 'el', 'he', 'th', 'hy', 'ka'] as const;
const [LATIN, HAN, KANA, OTHER] = [0, 1, 2, 3];

/** First code unit, last, and the script's place in `SCRIPTS`. Letters of no range are `other`. */
const RANGES: readonly (readonly [number, number, number])[] = [
  [0xc0, 0x24f, LATIN],
  [0x370, 0x3ff, SCRIPTS.indexOf('el')],
  [0x530, 0x58f, SCRIPTS.indexOf('hy')],
  [0x590, 0x5ff, SCRIPTS.indexOf('he')],
  [0xe00, 0xe7f, SCRIPTS.indexOf('th')],
  [0x10a0, 0x10ff, SCRIPTS.indexOf('ka')],
  [0x1100, 0x11ff, SCRIPTS.indexOf('ko')],
  [0x3040, 0x30ff, KANA],
  [0x3400, 0x9fff, HAN],
  [0xac00, 0xd7af, SCRIPTS.indexOf('ko')],
  [0xf900, 0xfaff, HAN],
];

/** Words that are common in one of these languages and rare in the others. */
const COMMON_WORDS: Readonly<Record<string, string>> = {
  en: 'the and of to is are was with for that this you your my it have has not what how please can be from they would',
  de: 'der die und das ist nicht ich wie ein eine mit für auf dem den sie wir sind auch bitte kann zu wird oder aber',
  fr: 'le la les des est et une je vous nous pour dans pas que qui avec sur ce cette mon votre comment plus être sont',
  es: 'el los las una es y que por para con no del se su mi como más pero está este esta qué cómo gracias son',
  pt: 'o os uma é e que não para com por do da dos das em você meu minha mais mas está são como obrigado isso',
  it: 'il lo gli una è e che non per con di del della sono mi questo questa come più ma grazie perché anche ho nel',
  nl: 'de het een en is van niet ik dat voor met op zijn je aan ook maar hoe wat kan naar deze mijn bij graag',
};

const languagesOf = new Map<string, string[]>();
for (const [language, words] of Object.entries(COMMON_WORDS)) {
  for (const word of words.split(' ')) languagesOf.set(word, [...(languagesOf.get(word) ?? []), language]);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant.
const ASCII = /^[\u0000-\u007f]*$/;
const TWO_LATIN_LETTERS = /[a-z][^a-z]*[a-z]/i;

/** @param words those between spaces, in lower case */
export function languageByScript(text: string, words: readonly string[]): Verdict {
  if (ASCII.test(text)) return TWO_LATIN_LETTERS.test(text) ? languageByWords(words) : { language: null };
  const letters = countScripts(text);
  const total = letters.reduce((sum, count) => sum + count, 0);
  if (total < LEAST_LETTERS) return { language: null };
  const most = letters.indexOf(Math.max(...letters));
  if (most === LATIN) return languageByWords(words);
  if (most === OTHER) return 'undecided';
  if (most === HAN || most === KANA) return { language: chineseOrJapanese(letters) };
  return { language: SCRIPTS[most] ?? null };
}

function chineseOrJapanese(letters: readonly number[]): 'ja' | 'zh' {
  const kana = letters[KANA] ?? 0;
  return kana > KANA_SHARE * (kana + (letters[HAN] ?? 0)) ? 'ja' : 'zh';
}

function countScripts(text: string): number[] {
  const counts = SCRIPTS.map(() => 0);
  for (let at = 0; at < text.length; at += 1) {
    const script = scriptOf(text.charCodeAt(at));
    if (script >= 0) counts[script]! += script === HAN || script === KANA ? LETTERS_PER_IDEOGRAPH : 1;
  }
  return counts;
}

/** -1 for what is no letter. Signs beyond ASCII that are none are few, and rare beside letters. */
function scriptOf(unit: number): number {
  if (unit < 0x80) {
    const lower = unit | 0x20;
    return lower >= 0x61 && lower <= 0x7a ? LATIN : -1;
  }
  if (unit >= 0x4e00 && unit < 0xa000) return HAN;
  if (isSign(unit)) return -1;
  for (const [first, last, script] of RANGES) if (unit >= first && unit <= last) return script;
  return OTHER;
}

/** Punctuation and symbols, surrogates (emoji, mostly), private use, and full-width forms. */
function isSign(unit: number): boolean {
  return (
    unit < 0xc0 ||
    (unit >= 0x2000 && unit < 0x2e80) ||
    (unit >= 0x3000 && unit < 0x3040) ||
    (unit >= 0xd800 && unit < 0xf900) ||
    unit >= 0xfe00
  );
}

function languageByWords(words: readonly string[]): Verdict {
  const hits = new Map<string, number>();
  for (const word of words.slice(0, MOST_WORDS)) {
    for (const language of languagesOf.get(word) ?? []) hits.set(language, (hits.get(language) ?? 0) + 1);
  }
  const [first, second] = [...hits].sort((a, b) => b[1] - a[1]);
  if (first === undefined || first[1] < 2 * (second?.[1] ?? 0)) return 'undecided';
  if (first[1] < 2 && words.length > FEW_WORDS) return 'undecided';
  return { language: first[0] };
}
