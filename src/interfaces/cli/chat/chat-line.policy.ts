/** What a line of a chat means. */
export type ChatLine =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'model'; readonly model: string }
  | { readonly kind: 'new' | 'exit' | 'help' | 'nothing' }
  | { readonly kind: 'unknown'; readonly word: string };

export const CHAT_HELP = `/new          begins another conversation
/model NAME   goes on with another model
/exit         ends, as Ctrl-D does
A line that ends in \\ goes on in the next. Ctrl-C cancels an answer that comes.
`;

/** A word behind a slash is for the chat itself; `//` says a slash. */
export function chatLine(line: string): ChatLine {
  const text = line.trim();
  if (text === '') return { kind: 'nothing' };
  if (text.startsWith('//')) return { kind: 'say', text: text.slice(1) };
  if (!text.startsWith('/')) return { kind: 'say', text };
  const [word = '', argument] = text.split(/\s+/);
  switch (word) {
    case '/new':
      return { kind: 'new' };
    case '/exit':
    case '/quit':
      return { kind: 'exit' };
    case '/help':
      return { kind: 'help' };
    case '/model':
      return argument === undefined ? { kind: 'help' } : { kind: 'model', model: argument };
    default:
      return { kind: 'unknown', word };
  }
}

/** Lines as they were typed, joined where one says that it goes on. Null while more is to come. */
export function joinedLines(lines: readonly string[]): string | null {
  if (lines.at(-1)?.endsWith('\\')) return null;
  return lines.map((line) => line.replace(/\\$/, '')).join('\n');
}
