/**
 * What jest counted, in its own names.
 * @typedef {{
 *   numPassedTests: number,
 *   numFailedTests: number,
 *   numPendingTests: number,
 *   numTodoTests: number,
 *   numRuntimeErrorTestSuites: number,
 * }} TestCounts
 */

/**
 * The last line of a test run, for whatever reads its output. A file that could not be loaded has no tests to fail, and
 * a run that broke off has no counts: each counts as one failure, so that the line never looks better than the run.
 *
 * @param {TestCounts | null} counts
 * @param {number} exitCode jest's
 * @returns {string}
 */
export function closingLine(counts, exitCode) {
  const passed = counts?.numPassedTests ?? 0;
  const skipped = (counts?.numPendingTests ?? 0) + (counts?.numTodoTests ?? 0);
  const known = (counts?.numFailedTests ?? 0) + (counts?.numRuntimeErrorTestSuites ?? 0);
  const failed = known === 0 && exitCode !== 0 ? 1 : known;
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
