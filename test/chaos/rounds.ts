/** How many kills: few in `npm test`, `LLMQ_CHAOS_ROUNDS` (20) in `npm run test:chaos`. */
export function rounds(short: number): number {
  return Number(process.env['LLMQ_CHAOS_ROUNDS'] ?? short);
}

/** A time within the range, in milliseconds. Chance is the point here: kills must not keep to the code's rhythm. */
export function randomMs(from: number, to: number): number {
  return from + Math.random() * (to - from);
}

/** For whoever reads the output of the long rounds: how much they tried. */
export function tell(text: string): void {
  if (rounds(0) >= 20) process.stderr.write(`› ${text}\n`);
}
