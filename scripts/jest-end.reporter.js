/** Long, for a machine that does much else. */
const ENDS_WITHIN_MS = 30_000;

/**
 * A reporter for jest that ends a run which does not end by itself after its results, and makes it a failed one: what a
 * test left open would keep it for ever. Its timer is no reason to stay, so a run that closed everything ends at once.
 */
export default class JestEndReporter {
  /**
   * @param {unknown} _globalConfig
   * @param {{ endsWithinMs?: number }} [options]
   */
  constructor(_globalConfig, { endsWithinMs = ENDS_WITHIN_MS } = {}) {
    this.endsWithinMs = endsWithinMs;
  }

  onRunComplete() {
    setTimeout(() => {
      const open = process.getActiveResourcesInfo().join(', ');
      console.error(`The test run does not end: something is still open (${open}). That is a failure.`);
      process.exit(1);
    }, this.endsWithinMs).unref();
  }
}
