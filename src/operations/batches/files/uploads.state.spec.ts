import { Uploads } from './uploads.state.js';

describe('what comes in at the same time', () => {
  it('counts for each other, from the first byte on', () => {
    const uploads = new Uploads();
    uploads.begin('a', 't');
    expect(uploads.add('a', 10)).toBe(10);
    uploads.begin('b', 't');
    expect(uploads.add('b', 5)).toBe(15);
    expect(uploads.add('a', 1)).toBe(16);
    expect(uploads.add('b', 1)).toBe(17);
  });

  it('still counts for those that began before it was kept, and not for later ones, who find it stored', () => {
    const uploads = new Uploads();
    uploads.begin('a', 't');
    uploads.begin('b', 't');
    uploads.add('a', 10);
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
    expect(uploads.add('nobody', 1)).toBe(1);
  });
});
