/** Options of the program itself that take the argument behind them. */
const WITH_VALUE = ['--config'];

/** The command that these arguments ask for, or ask the help of; null for none. */
export function askedCommand(args: readonly string[]): string | null {
  const words = args.filter((arg, at) => !arg.startsWith('-') && !WITH_VALUE.includes(args[at - 1] ?? ''));
  return (words[0] === 'help' ? words[1] : words[0]) ?? null;
}
