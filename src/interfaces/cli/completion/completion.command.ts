import { Argument, type Command, type Option } from 'commander';
import { type CompletedCommand, type CompletedOption, completionScript } from './completion-script.policy.js';
import { SHELLS, type Shell } from './shells.policy.js';

/** `llmq completion`: of the whole program, all of whose commands are filled for it. */
export function completionCommand(command: Command): void {
  command.addArgument(new Argument('<shell>', 'whose it is').choices(SHELLS)).action((shell: Shell) => {
    process.stdout.write(completionScript(shell, completed(command.parent ?? command)));
  });
}

function completed(command: Command): CompletedCommand {
  const help = command.createHelp();
  return {
    ...{ name: command.name(), description: command.description() },
    options: help.visibleOptions(command).map(completedOption),
    commands: command.commands.map(completed),
  };
}

function completedOption({ long, short, description, flags, argChoices }: Option): CompletedOption {
  return {
    ...{ long: long ?? null, short: short ?? null, description },
    takesValue: /[<[]/.test(flags),
    choices: argChoices ?? [],
  };
}
