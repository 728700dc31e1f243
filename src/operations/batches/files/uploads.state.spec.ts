import fc from 'fast-check';
import { Uploads } from './uploads.state.js';

describe('what comes in at the same time', () => {
  it('counts for what begins later, from the first byte on', () => {
    const uploads = new Uploads();
    uploads.begin('a', 't');
    expect(uploads.add('a', 10)).toBe(10);
    uploads.begin('b', 't');
    expect(uploads.add('b', 5)).toBe(15);
    expect(uploads.add('a', 1)).toBe(11);
    expect(uploads.add('b', 1)).toBe(17);
    uploads.ended('a');
    expect(uploads.add('b', 1)).toBe(18);
  });

  it('counts for what began earlier once it is whole, until it is dropped', () => {
    const uploads = new Uploads();
    for (const id of ['a', 'b', 'c']) uploads.begin(id, 't');
    expect(uploads.add('b', 5)).toBe(5);
    expect(uploads.add('a', 1)).toBe(1);
    uploads.ended('b');
    expect(uploads.add('a', 1)).toBe(7);
    uploads.dropped('b');
    expect(uploads.add('a', 1)).toBe(3);
    expect(uploads.add('c', 1)).toBe(4);
  });

  it('still counts for those that began before it was kept, and not for later ones, who find it stored', () => {
    const uploads = new Uploads();
    uploads.begin('a', 't');
    uploads.begin('b', 't');
    uploads.add('a', 10);
    uploads.ended('a');
    uploads.kept('a');
    expect(uploads.add('b', 1)).toBe(11);
    uploads.begin('c', 't');
    expect(uploads.add('c', 2)).toBe(3);
  });

  it('counts no more once it is dropped', () => {
    const uploads = new Uploads();
    uploads.begin('a', 't');
    uploads.begin('b', 't');
    uploads.add('a', 10);
    uploads.dropped('a');
    uploads.dropped('a');
    expect(uploads.add('b', 1)).toBe(1);
  });

  it('is nothing to other tenants', () => {
    const uploads = new Uploads();
    uploads.begin('a', 't');
    uploads.add('a', 10);
    uploads.begin('b', 'other');
    expect(uploads.add('b', 1)).toBe(1);
  });

  it('is passed over where it is not known', () => {
    const uploads = new Uploads();
    uploads.kept('nobody');
    uploads.dropped('nobody');
    uploads.ended('nobody');
    expect(uploads.add('nobody', 1)).toBe(1);
  });
});

describe('contents with a limit for all of them', () => {
  const LIMIT = 100;

  interface Content {
    readonly id: string;
    readonly size: number;
    next: 'begin' | 'read' | 'come' | 'keep' | 'drop' | null;
    came: number;
    stored: number;
  }

  /** The sizes of those that are kept, where each turn is the next step of one of them. */
  function keptOf(sizes: readonly number[], turns: readonly number[]): number[] {
    const uploads = new Uploads();
    const kept: number[] = [];
    const come = (content: Content): Content['next'] => {
      const { id, size, stored } = content;
      const part = Math.min(size - content.came, 20);
      content.came += part;
      if (stored + uploads.add(id, part) > LIMIT) return 'drop';
      if (part > 0) return 'come';
      uploads.ended(id);
      return 'keep';
    };
    const steps = {
      begin: ({ id }: Content) => {
        uploads.begin(id, 't');
        return 'read' as const;
      },
      read: (content: Content) => {
        content.stored = kept.reduce((sum, size) => sum + size, 0);
        return 'come' as const;
      },
      come,
      keep: ({ id, size }: Content) => {
        kept.push(size);
        uploads.kept(id);
        return null;
      },
      drop: ({ id }: Content) => {
        uploads.dropped(id);
        return null;
      },
    };
    const step = (content: Content) => {
      if (content.next !== null) content.next = steps[content.next](content);
    };
    const contents = sizes.map(
      (size, n): Content => ({ ...{ id: `${n}`, size, next: 'begin' }, ...{ came: 0, stored: 0 } }),
    );
    for (const turn of turns) step(contents[turn % contents.length]!);
    for (const content of contents) while (content.next !== null) step(content);
    return kept;
  }

  it('are never kept beyond it, and never all refused where each fits alone', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: LIMIT }), { minLength: 1, maxLength: 5 });
    const turns = fc.array(fc.nat(4), { maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(sizes, turns, (sizes, turns) => {
        const kept = keptOf(sizes, turns);
        expect(kept.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(LIMIT);
        expect(kept.length).toBeGreaterThan(0);
      }),
    );
  });
});
