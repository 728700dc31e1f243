export type Tone = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (tone: Tone, text: string) => string;

const CODES: Readonly<Record<Tone, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

/** Of a terminal alone, and not where its user wants none: https://no-color.org. `FORCE_COLOR` asks for it elsewhere. */
export function wantsColour(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0';
  return isTerminal && env['TERM'] !== 'dumb';
}

export function painter(wanted: boolean): Paint {
  if (!wanted) return (_, text) => text;
  return (tone, text) => `\u001b[${CODES[tone][0]}m${text}\u001b[${CODES[tone][1]}m`;
}

const TONES: Readonly<Record<string, Tone>> = {
  completed: 'green',
  healthy: 'green',
  failed: 'red',
  unhealthy: 'red',
  cancelled: 'yellow',
  expired: 'yellow',
  degraded: 'yellow',
  draining: 'yellow',
  processing: 'cyan',
  in_progress: 'cyan',
};

/** The word of a state in its colour. */
export function painted(paint: Paint, state: string): string {
  const tone = TONES[state];
  return tone === undefined ? state : paint(tone, state);
}
