/**
 * Runs rounds until one succeeds, and returns what that returned: for what other work on this machine can spoil once, but not each time.
 * @throws what the last round threw
 */
export async function inOneOf<T>(
  rounds: number,
  round: () => Promise<T>,
  between: () => Promise<void> = async () => {},
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await round();
    } catch (error) {
      if (tries === rounds) throw error;
    }
    await between();
  }
}
