/**
 * What the demo model can be told in the text of the last user message, as `[[demo:<name> <value> <option>=<value>]]`:
 *
 * | directive | does |
 * |---|---|
 * | `[[demo:fail 503]]` | answers with that status (400 to 599); `retry_after=2` adds the header |
 * | `[[demo:429 retry_after=1]]` | short for `fail 429` |
 * | `[[demo:hang]]` | never answers; `after=5` goes silent behind five tokens |
 * | `[[demo:break after=5]]` | closes the connection behind five tokens; without `after`, before any answer |
 * | `[[demo:error after=5]]` | sends an error inside the stream |
 * | `[[demo:garbage after=5]]` | sends what is not JSON inside the stream |
 * | `[[demo:slow 2000]]` | waits so many milliseconds before the first token |
 * | `[[demo:tokens 200]]` | answers with exactly so many tokens |
 * | `[[demo:rate 1000]]` | tokens per second, 0 for as fast as it can |
 * | `[[demo:tool get_weather city=Berlin]]` | calls that tool with those arguments (JSON values without spaces, else texts), and answers when it is told the result |
 * | `[[demo:json]]` | answers with one JSON text even where a stream was asked for |
 * | `[[demo:no_done]]`, `[[demo:no_usage]]` | leaves out `[DONE]`, or the usage |
 *
 * Those that fail take `times=2`: only the first two calls with the very same text fail, the later ones are answered.
 */
export interface DemoScript {
  readonly trouble: DemoTrouble | null;
  readonly slowMs: number;
  readonly tokens: number | null;
  readonly tokensPerSecond: number | null;
  readonly tool: DemoTool | null;
  readonly json: boolean;
  readonly noDone: boolean;
  readonly noUsage: boolean;
}

export interface DemoTool {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface DemoTrouble {
  readonly kind: 'status' | 'hang' | 'break' | 'error' | 'garbage';
  /** For `status`. */
  readonly status: number;
  readonly retryAfter: string | null;
  /** Tokens sent before it happens; null: before anything is sent. */
  readonly after: number | null;
  /** How many calls with the same text it befalls. */
  readonly times: number;
}

const DIRECTIVE = /\[\[demo:([^\]]*)\]\]/g;

const CALM: DemoScript = {
  trouble: null,
  slowMs: 0,
  tokens: null,
  tokensPerSecond: null,
  tool: null,
  json: false,
  noDone: false,
  noUsage: false,
};

/** @throws {DemoDirectiveError} for a directive that it does not know, or with a value that makes no sense */
export function readScript(text: string): DemoScript {
  const told = [...text.matchAll(DIRECTIVE)].map(([, words = '']) => readDirective(words));
  return Object.assign({}, CALM, ...told);
}

export function withoutDirectives(text: string): string {
  return text.replace(DIRECTIVE, '').trim();
}

function readDirective(words: string): Partial<DemoScript> {
  const [name = '', ...rest] = words.trim().split(/\s+/);
  const value = rest.find((word) => !word.includes('='));
  const options = Object.fromEntries(rest.filter((word) => word.includes('=')).map(nameAndValue));
  const number = (text: string | undefined, least: number, most: number) => count(words, text, least, most);
  const trouble = (kind: DemoTrouble['kind'], status = 0): Partial<DemoScript> => ({
    trouble: {
      kind,
      status,
      retryAfter: options['retry_after'] ?? null,
      after: options['after'] === undefined ? null : number(options['after'], 0, MOST_TOKENS),
      times: options['times'] === undefined ? Number.POSITIVE_INFINITY : number(options['times'], 0, 1e9),
    },
  });
  switch (name) {
    case 'fail':
      return trouble('status', number(value ?? '500', 400, 599));
    case '429':
      return trouble('status', 429);
    case 'hang':
    case 'break':
    case 'error':
    case 'garbage':
      return trouble(name);
    case 'slow':
      return { slowMs: number(value, 0, 3_600_000) };
    case 'tokens':
      return { tokens: number(value, 0, MOST_TOKENS) };
    case 'rate':
      return { tokensPerSecond: number(value, 0, 1e9) || Number.POSITIVE_INFINITY };
    case 'tool':
      return {
        tool: {
          name: value ?? 'demo_tool',
          args:
            Object.keys(options).length > 0
              ? Object.fromEntries(Object.entries(options).map(([key, text]) => [key, valueIn(text)]))
              : { demo: true },
        },
      };
    case 'json':
      return { json: true };
    case 'no_done':
      return { noDone: true };
    case 'no_usage':
      return { noUsage: true };
    default:
      throw new DemoDirectiveError(words, `there is no ${JSON.stringify(name)}`);
  }
}

function nameAndValue(word: string): [string, string] {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
}

/** What is JSON is meant so, such as a number; all else is a text. */
function valueIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const MOST_TOKENS = 1_000_000;

function count(words: string, text: string | undefined, least: number, most: number): number {
  const number = /^\d+$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new DemoDirectiveError(words, `it needs a whole number from ${least} to ${most}`);
}

export class DemoDirectiveError extends Error {
  readonly code = 'invalid_directive';
  constructor(words: string, why: string) {
    super(`The demo model can't do [[demo:${words}]]: ${why}.`);
  }
}
