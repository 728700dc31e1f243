import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';

/**
 * What is asked: the words behind the command, a file (`-` is standard input), or what is piped in. Words and a file
 * together are one question, the words first: `cat error.log | llmq submit --file - "What is wrong here?"`.
 *
 * @throws {CommandError} where there is nothing
 */
export async function askedWords(words: readonly string[], file: string | undefined): Promise<string> {
  const parts = [words.join(' '), await restOf(words, file)];
  const asked = parts.filter((part) => part.trim() !== '').join('\n\n');
  if (asked !== '') return asked;
  throw new CommandError(
    'There is nothing to submit: give a text, a file (--file), or pipe something in.',
    EXIT.failed,
  );
}

async function restOf(words: readonly string[], file: string | undefined): Promise<string> {
  if (file !== undefined && file !== '-') return await readFile(file, 'utf8');
  // Beside words only a pipe that someone wrote `-` for: a script may have any standard input open.
  if (file === '-' || (words.length === 0 && !process.stdin.isTTY)) return await text(process.stdin);
  return '';
}
