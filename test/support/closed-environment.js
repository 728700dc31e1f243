import { setTimeout as sleep } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** Long, for a machine that does much else: it only costs time where something was left open. */
const CLOSED_WITHIN_MS = 90_000;

/**
 * Node's environment for a test file that holds the file to closing what it opened. What it leaves open (a server, a
 * socket, a child process, a timer) would keep the process of the tests alive after its results, for ever where that is
 * jest's own, and is often a leak of the code under test. A file with a failed test is spared: the failure is what
 * people must see, and it may well have kept the clean-up from being reached.
 */
export default class ClosedEnvironment extends TestEnvironment {
  /** @type {Map<string, number>} */
  openBefore = new Map();
  failed = false;

  /**
   * @param {import('@jest/environment').JestEnvironmentConfig} config
   * @param {import('@jest/environment').EnvironmentContext} context
   */
  constructor(config, context) {
    super(config, context);
    this.withinMs = Number(config.projectConfig.testEnvironmentOptions['closedWithinMs'] ?? CLOSED_WITHIN_MS);
  }

  /** @override */
  async setup() {
    await super.setup();
    // Node opens these when somebody looks at them first, as whoever imports `node:process` does: they are no leak.
    void [process.stdin, process.stdout, process.stderr];
    this.openBefore = openResources();
  }

  /** @param {import('@jest/types').Circus.AsyncEvent} event */
  handleTestEvent(event) {
    if (event.name === 'test_done') this.failed ||= event.test.errors.length > 0;
    if (event.name === 'hook_failure') this.failed = true;
  }

  /** @override */
  async teardown() {
    await super.teardown();
    const deadline = Date.now() + this.withinMs;
    while (!this.failed && this.leftOpen().length > 0) {
      if (Date.now() > deadline) throw new Error(`The tests left open: ${this.leftOpen().join(', ')}.`);
      await sleep(20, undefined, { ref: false });
    }
  }

  leftOpen() {
    return [...openResources()]
      .map(([kind, count]) => ({ kind, more: count - (this.openBefore.get(kind) ?? 0) }))
      .filter(({ more }) => more > 0)
      .map(({ kind, more }) => `${more} ${kind}`);
  }
}

/** What keeps this process alive now, by Node's names of kinds. */
function openResources() {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
