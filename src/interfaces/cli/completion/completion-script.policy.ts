import { assertNever } from '../../../domain/assert-never.js';
import type { Shell } from './shells.policy.js';

/** A command as a shell completes it. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly commands: readonly CompletedCommand[];
}

export interface CompletedOption {
  /** As `--file`; null where there is a short one alone. */
  readonly long: string | null;
  /** As `-f`. */
  readonly short: string | null;
  readonly description: string;
  readonly takesValue: boolean;
  /** What its value may be; empty for anything. */
  readonly choices: readonly string[];
}

/**
 * A script that completes commands, options and their values, for a shell to read at its start. All is in it: nothing
 * is started when someone presses the tab key.
 */
export function completionScript(shell: Shell, program: CompletedCommand): string {
  switch (shell) {
    case 'bash':
      return bash(program);
    case 'zsh':
      return zsh(program);
    case 'fish':
      return fish(program);
    default:
      return assertNever(shell);
  }
}

interface Placed {
  /** The words that lead to it, without the name of the program: `batch watch`. */
  readonly path: readonly string[];
  readonly command: CompletedCommand;
}

function placed(command: CompletedCommand, path: readonly string[] = []): Placed[] {
  return [{ path, command }, ...command.commands.flatMap((inner) => placed(inner, [...path, inner.name]))];
}

/** Paths of commands, that a word of the line may go on from. */
function pathPattern(program: CompletedCommand): string {
  return placed(program)
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => `"${path.join(' ')}"`)
    .join('|');
}

function flags({ long, short }: CompletedOption): string[] {
  return [long, short].filter((flag) => flag !== null);
}

function bash(program: CompletedCommand): string {
  const words = placed(program).map(({ path, command }) => {
    const given = [...command.commands.map(({ name }) => name), ...command.options.flatMap(flags)];
    return `    "${path.join(' ')}") words="${given.join(' ')}" ;;`;
  });
  const values = placed(program).flatMap(({ path, command }) =>
    command.options
      .filter(({ takesValue }) => takesValue)
      .flatMap((option) =>
        flags(option).map(
          (flag) =>
            `    "${path.join(' ')} ${flag}") ${option.choices.length === 0 ? 'files=1' : `words="${option.choices.join(' ')}"`} ;;`,
        ),
      ),
  );
  return `# Completion of ${program.name} for bash: eval "$(${program.name} completion bash)"
_${program.name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path="" next="" words="" files="" at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    next="\${path:+$path }\${COMP_WORDS[at]}"
    case "$next" in
    ${pathPattern(program)}) path="$next" ;;
    esac
  done
  case "$path $previous" in
${values.join('\n')}
  esac
  if [ -n "$files" ]; then COMPREPLY=($(compgen -f -- "$current")); return; fi
  if [ -z "$words" ]; then case "$path" in
${words.join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${program.name} ${program.name}
`;
}

function zsh(program: CompletedCommand): string {
  const cases = placed(program).map(({ path, command }) => {
    const commands = command.commands.map(({ name, description }) => `'${zshText(name, description)}'`);
    const options = command.options.map((option) => zshOption(option));
    return `    "${path.join(' ')}")
      commands=(${commands.join(' ')})
      options=(${options.join(' ')})
      ;;`;
  });
  // `path` is a name of zsh's own there.
  return `#compdef ${program.name}
# Completion of ${program.name} for zsh: eval "$(${program.name} completion zsh)"
_${program.name}() {
  local place="" next="" at
  local -a commands options
  for ((at = 2; at < CURRENT; at++)); do
    next="\${place:+$place }\${words[at]}"
    case "$next" in
    ${pathPattern(program)}) place="$next" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  if (( \${#commands} )) && [[ "\${words[CURRENT]}" != -* ]]; then
    _describe command commands
    return
  fi
  _arguments $options '*:file:_files'
}
compdef _${program.name} ${program.name}
`;
}

function zshText(name: string, description: string): string {
  return `${name}:${quotedText(description)}`;
}

function zshOption(option: CompletedOption): string {
  const { choices, takesValue } = option;
  const action = choices.length === 0 ? '_files' : `(${choices.join(' ')})`;
  const value = takesValue ? `:value:${action}` : '';
  const text = quotedText(option.description).replace(/[[\]:]/g, ' ');
  return flags(option)
    .map((flag) => `'*${flag}[${text}]${value}'`)
    .join(' ');
}

function fish(program: CompletedCommand): string {
  const { name } = program;
  const lines = placed(program).flatMap(({ path, command }) => {
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const later = command.commands.map((inner) => inner.name).join(' ');
    const none = later === '' ? [] : [`not __fish_seen_subcommand_from ${later}`];
    const there = [...seen, ...none].join('; and ');
    const when = there === '' ? '' : ` -n '${there}'`;
    return [
      ...command.commands.map(
        (inner) => `complete -c ${name} -f${when} -a ${inner.name} -d '${quotedText(inner.description)}'`,
      ),
      ...command.options.map((option) => `complete -c ${name}${fishWhen(seen)}${fishOption(option)}`),
    ];
  });
  return `# Completion of ${name} for fish: ${name} completion fish | source\n${lines.join('\n')}\n`;
}

function fishWhen(seen: readonly string[]): string {
  return seen.length === 0 ? '' : ` -n '${seen.join('; and ')}'`;
}

function fishOption({ long, short, description, takesValue, choices }: CompletedOption): string {
  return [
    long === null ? '' : ` -l ${long.slice(2)}`,
    short === null ? '' : ` -s ${short.slice(1)}`,
    takesValue ? ' -r' : '',
    choices.length === 0 ? '' : ` -f -a '${choices.join(' ')}'`,
    ` -d '${quotedText(description)}'`,
  ].join('');
}

/** Inside of single quotes, on one line; a quote itself can't stand there in all three shells. */
function quotedText(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll("'", '’').replaceAll('\\', '/');
}
