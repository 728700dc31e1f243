import { afterAll, describe, expect, it } from '@jest/globals';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { Analyser } from './analyser.js';
import { analysedText, analysisOf, loadLibraries } from './analysis.js';

const analyser = new Analyser();
afterAll(() => analyser.close());

const request = (content: string): ModelRequest => ({ content, model: null, parameters: {} });

describe('the analyser', () => {
  it('finds in its thread what would be found here, for each of a thousand, in their order', async () => {
    const contents = Array.from(
      { length: 1_000 },
      (_, index) => `Is number ${'one '.repeat(index % 50)}here?`,
    );
    const order: number[] = [];
    const found = await Promise.all(
      contents.map(async (content, index) => {
        const analysis = await analyser.analyse(request(content));
        order.push(index);
        return analysis;
      }),
    );
    const libraries = await loadLibraries();
    expect(found).toEqual(contents.map((content) => analysisOf(analysedText(request(content)), libraries)));
    expect(order).toEqual(contents.map((_, index) => index));
  });

  it('leaves the event loop to others meanwhile', async () => {
    await analyser.load();
    const long = 'Die Straße über die Brücke, très agréable, żółć, 这个问题. '.repeat(70);
    let done = false;
    const all = Promise.all(Array.from({ length: 1_000 }, () => analyser.analyse(request(long)))).then(() => {
      done = true;
    });
    let turns = 0;
    for (; !done; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    await all;
    expect(turns).toBeGreaterThan(50);
  });

  it('tells who waits when it is closed', async () => {
    const closing = new Analyser();
    await closing.load();
    const told = expect(closing.analyse(request('anybody there?'))).rejects.toThrow();
    await closing.close();
    await told;
  });
});
