import { NoticeMemory } from './notice-memory.js';

describe('NoticeMemory', () => {
  it('knows what was said lately, and forgets it after a minute or so', () => {
    const memory = new NoticeMemory(0);
    memory.add('a', 1, 1_000);
    memory.add('b', 2, 40_000);
    expect([memory.find('a'), memory.find('b'), memory.find('c')]).toEqual([1, 2, null]);
    memory.add('c', 3, 80_000);
    expect([memory.find('a'), memory.find('b'), memory.find('c')]).toEqual([null, 2, 3]);
  });

  it('is bounded, and says that it then reaches less far back', () => {
    const memory = new NoticeMemory(0);
    expect(memory.reachMs(5_000)).toBe(5_000);
    for (let index = 0; index < 120_000; index += 1) memory.add(`m${index}`, index + 1, 5_000);
    expect(memory.find('m0')).toBeNull();
    expect(memory.find('m119999')).toBe(120_000);
    expect(memory.reachMs(5_000)).toBe(0);
  });

  it('keeps what it knows over a restart, but promises nothing from before', () => {
    const memory = new NoticeMemory(0);
    memory.add('a', 1, 1_000);
    memory.restart(20_000);
    expect(memory.find('a')).toBe(1);
    expect(memory.reachMs(21_000)).toBe(1_000);
  });
});
