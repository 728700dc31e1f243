/**
 * A letter or digit that, beside a keyword's own, makes it a part of another word. Scripts that are written without
 * spaces have none: `ASAP` is a word in `请ASAP处理`, as `紧急` is in `非常紧急的事`.
 */
const UNSPACED = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{Script=${script}}`)
  .join('');
const JOINING = new RegExp(`[[\\p{L}\\p{N}]--[${UNSPACED}]]`, 'v');

/** One form for texts and keywords: no difference of case, of width (`ＡＳＡＰ`), or of the kind and number of spaces. */
export function normalised(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\s{2,}|[^\S ]/g, ' ')
    .trim();
}

/** Whether a text holds a keyword as a word of its own. Both are `normalised`. */
export function holdsKeyword(text: string, keyword: string): boolean {
  if (keyword === '') return false;
  for (let at = text.indexOf(keyword); at !== -1; at = text.indexOf(keyword, at + 1)) {
    if (!joined(text, at) && !joined(text, at + keyword.length)) return true;
  }
  return false;
}

/** Whether what stands before and after this place is of one word. */
function joined(text: string, at: number): boolean {
  return isJoining(before(text, at)) && isJoining(after(text, at));
}

function isJoining(character: string): boolean {
  return character !== '' && JOINING.test(character);
}

function after(text: string, at: number): string {
  return at < text.length ? String.fromCodePoint(text.codePointAt(at) ?? 0) : '';
}

function before(text: string, at: number): string {
  const pair = at > 1 && isLowSurrogate(text.charCodeAt(at - 1)) && isHighSurrogate(text.charCodeAt(at - 2));
  return pair ? after(text, at - 2) : text.charAt(at - 1);
}

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit < 0xdc00;
const isLowSurrogate = (unit: number) => unit >= 0xdc00 && unit < 0xe000;
