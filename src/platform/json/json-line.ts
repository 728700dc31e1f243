/** Line ends of Unicode that JSON leaves as they are, and at which some readers cut lines. Inside JSON they are in texts only. */
const LINE_ENDS = /[\u0085\u2028\u2029]/g;

/** JSON that is one line for every reader: the line ends of ASCII are escaped in JSON anyway. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(LINE_ENDS, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
