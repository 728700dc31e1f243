/** What the set-up can't go on without, told to a user: the message is a whole paragraph, the stack is of no use. */
export class SetUpError extends Error {
  /** @param {string} message what is wrong and what to do */
  constructor(message) {
    super(message);
    this.name = 'SetUpError';
  }
}

/**
 * Ends the process with the code that `main` resolves to, or with 1 and a message where it fails.
 *
 * @param {() => Promise<number>} main
 */
export async function exitWith(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    const expected = error instanceof SetUpError;
    console.error(expected ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
