import { createInterface } from 'node:readline/promises';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';

/**
 * Asks a person before what can't be undone. A program has to say `--yes`.
 *
 * @throws {CommandError} when it is not wanted
 */
export async function confirm(what: string, yes: boolean, signal: AbortSignal): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CommandError(`${what} can't be undone. Say --yes to do it.`, EXIT.failed);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const refusing = new AbortController();
  // The terminal hands Ctrl-C to whoever reads its lines.
  lines.once('SIGINT', () => refusing.abort());
  try {
    const question = `${what} can't be undone. Do it? [y/N] `;
    const until = AbortSignal.any([signal, refusing.signal]);
    const answer = await lines.question(question, { signal: until }).catch(() => '');
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('Nothing was done.', EXIT.failed);
  } finally {
    lines.close();
  }
}
