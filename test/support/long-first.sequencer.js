import { createRequire } from 'node:module';

// Node and TypeScript disagree on what an import of it gives.
const required = createRequire(import.meta.url)('@jest/test-sequencer');
/** @type {typeof import('@jest/test-sequencer').default} */
const TestSequencer = required.default;

/** A kill test takes a minute, a unit test less than a second: many small ones at the end keep all workers busy to it. */
const KINDS = ['chaos', 'e2e', 'integration', 'unit'];

/** Jest's own order (long files first, where it has seen them run; else large ones), within each kind of test. */
export default class LongFirstSequencer extends TestSequencer {
  /**
   * @override
   * @param {import('@jest/test-result').Test[]} tests
   */
  async sort(tests) {
    return (await super.sort(tests)).sort((a, b) => kindOf(a) - kindOf(b));
  }
}

/** @param {import('@jest/test-result').Test} test */
function kindOf({ context }) {
  return KINDS.indexOf(context.config.displayName?.name ?? '');
}
