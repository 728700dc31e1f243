/** For one line of a terminal: words of others may not steer it. */
export function plainLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

/** The same for a text of several lines, as an answer is. */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

/** At most so many characters of one line. */
export function shortened(text: string, most: number): string {
  const line = plainLine(text).trim();
  return line.length <= most ? line : `${line.slice(0, Math.max(0, most - 3)).trimEnd()}...`;
}
