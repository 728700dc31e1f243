import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { type CompletedCommand, completionScript } from './completion-script.policy.js';

const file = { long: '--file', short: '-f', description: "a user's file", takesValue: true, choices: [] };
const json = { long: '--json', short: null, description: 'as [JSON]', takesValue: false, choices: [] };
const lane = {
  long: '--priority',
  short: null,
  description: 'lane',
  takesValue: true,
  choices: ['high', 'low'],
};
const program: CompletedCommand = {
  ...{ name: 'llmq', description: '', options: [json] },
  commands: [
    { name: 'submit', description: 'submits', options: [file, lane], commands: [] },
    {
      ...{ name: 'batch', description: 'batches', options: [] },
      commands: [{ name: 'watch', description: 'follows', options: [json], commands: [] }],
    },
  ],
};

/** What bash would offer behind these words, the last of which is not whole. */
function offered(...words: string[]): string[] {
  const script = `${completionScript('bash', program)}
COMP_WORDS=(llmq ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _llmq
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

describe('completion', () => {
  it('offers in bash what may come behind the words of the line', () => {
    expect(offered('')).toEqual(['submit', 'batch', '--json']);
    expect(offered('su')).toEqual(['submit']);
    expect(offered('submit', '--')).toEqual(['--file', '--priority']);
    expect(offered('submit', '--priority', '')).toEqual(['high', 'low']);
    expect(offered('batch', '')).toEqual(['watch']);
    expect(offered('batch', 'watch', '--j')).toEqual(['--json']);
  });

  it('is a script for each of the other shells, in which no description ends a quotation', () => {
    const zsh = completionScript('zsh', program);
    expect(zsh).toMatch(/^#compdef llmq\n/);
    expect(zsh).toContain(`'submit:submits' 'batch:batches'`);
    expect(zsh).toContain(`'*--file[a user’s file]:value:_files' '*-f[a user’s file]:value:_files'`);
    expect(zsh).toContain(`'*--priority[lane]:value:(high low)'`);
    expect(zsh).toContain(`'*--json[as  JSON ]'`);
    const fish = completionScript('fish', program);
    expect(fish).toContain(
      `complete -c llmq -n '__fish_seen_subcommand_from submit' -l priority -r -f -a 'high low' -d 'lane'`,
    );
    expect(fish).toContain(
      `complete -c llmq -f -n '__fish_seen_subcommand_from batch; and not __fish_seen_subcommand_from watch' -a watch -d 'follows'`,
    );
  });
});
