import { closingLine } from './closing-line.policy.js';

const counts = {
  numPassedTests: 12,
  numFailedTests: 0,
  numPendingTests: 2,
  numTodoTests: 1,
  numRuntimeErrorTestSuites: 0,
};

describe('the closing line', () => {
  it('holds what jest counted', () => {
    expect(closingLine(counts, 0)).toBe('12 passed, 0 failed, 3 skipped');
    expect(closingLine({ ...counts, numFailedTests: 4 }, 1)).toBe('12 passed, 4 failed, 3 skipped');
  });

  it('counts a file that could not be loaded', () => {
    expect(closingLine({ ...counts, numRuntimeErrorTestSuites: 1 }, 1)).toBe(
      '12 passed, 1 failed, 3 skipped',
    );
  });

  it('never looks better than the exit code', () => {
    expect(closingLine(counts, 1)).toBe('12 passed, 1 failed, 3 skipped');
    expect(closingLine(null, 137)).toBe('0 passed, 1 failed, 0 skipped');
  });
});
