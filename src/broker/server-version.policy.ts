/** Compares versions like `2.14.7` or `2.15.0-RC.1`; a pre-release counts as its release. Unreadable ones are too old. */
export function isAtLeast(version: string, least: string): boolean {
  const have = numbers(version);
  const want = numbers(least);
  for (const [index, wanted] of want.entries()) {
    const difference = (have[index] ?? -1) - wanted;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbers(version: string): number[] {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  return match === null ? [] : match.slice(1).map(Number);
}
