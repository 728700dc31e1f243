/** A command can't do what was asked. The message is for people; the code is what the program ends with. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}
