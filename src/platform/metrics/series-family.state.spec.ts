import { Total } from './histogram.state.js';
import { SeriesFamily } from './series-family.state.js';

const family = () =>
  new SeriesFamily({ name: 'llmq.calls', description: 'Calls' }, ['endpoint', 'model'], () => new Total());

describe('a family of series', () => {
  it('has one series for the same labels, in whatever order they are named', () => {
    const calls = family();
    calls.at({ endpoint: 'one', model: 'a' }).add(1);
    calls.at({ model: 'a', endpoint: 'one' }).add(2);
    calls.at({ endpoint: 'a', model: 'one' }).add(5);
    expect(calls.series.map(({ labels, value }) => [labels.endpoint, labels.model, value.value])).toEqual([
      ['one', 'a', 3],
      ['a', 'one', 5],
    ]);
  });

  it('forgets what is gone, and begins anew when it comes back', () => {
    const calls = family();
    calls.at({ endpoint: 'one', model: 'a' }).add(1);
    calls.at({ endpoint: 'two', model: 'a' }).add(1);
    calls.forget(({ endpoint }) => endpoint === 'one');
    expect(calls.series.map(({ labels }) => labels.endpoint)).toEqual(['two']);
    calls.at({ endpoint: 'one', model: 'a' }).add(1);
    expect(calls.series.map(({ value }) => value.value)).toEqual([1, 1]);
  });
});
