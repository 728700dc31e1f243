import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { rebuildDisplay } from './rebuild-display.js';

/** A terminal of 120 columns, or a pipe, that keeps what was written. */
function screen(isTTY: boolean) {
  let text = '';
  const stream = new PassThrough();
  stream.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  const output = Object.assign(stream, { isTTY, columns: 120 }) as unknown as NodeJS.WriteStream;
  return { output, text: () => text };
}

describe('the progress of a rebuild', () => {
  it('is a line for each phase, and one every five seconds, where no terminal is', () => {
    const { output, text } = screen(false);
    let nowMs = 0;
    const display = rebuildDisplay(output, () => nowMs);
    const show = (phase: 'replaying' | 'indexing', applied: number, atMs: number) => {
      nowMs = atMs;
      display.show({ phase, applied, target: 100 });
    };
    show('replaying', 0, 0);
    show('replaying', 20, 4_999);
    show('replaying', 40, 5_000);
    show('replaying', 60, 9_999);
    show('indexing', 120, 10_000);
    display.end();
    expect(text()).toBe(
      'Replaying the log: sequence 0 of 100\n' +
        'Replaying the log: sequence 40 of 100\n' +
        'Building the indexes: sequence 120 of 120\n',
    );
  });

  it('is a bar with the phase, the share done and the sequences on a terminal', async () => {
    const { output, text } = screen(true);
    const display = rebuildDisplay(output);
    display.show({ phase: 'replaying', applied: 0, target: 200 });
    display.show({ phase: 'replaying', applied: 50, target: 200 });
    // The bar is drawn ten times a second at most, and when it ends.
    display.show({ phase: 'catching_up', applied: 150, target: 200 });
    display.end();
    expect(text()).toMatch(/Replaying the log \[-+\] 0% \| sequence 0 of 200/);
    expect(text()).toMatch(/Catching up \[=+-+\] 75% \| sequence 150 of 200/);
  });
});
