import fc from 'fast-check';
import { withoutMajority } from './majority.policy.js';

const SECOND = 1_000_000_000;
const peer = (name: string, active = 0, offline = false) => ({ name, active, offline });

it('asks nothing of a server without a cluster, or of a single copy', () => {
  expect(withoutMajority(undefined)).toBeNull();
  expect(withoutMajority({ leader: 'one' })).toBeNull();
});

it('wants a leader', () => {
  expect(withoutMajority({ replicas: [peer('two'), peer('three')] })).toContain('no leader');
  expect(withoutMajority({ leader: '' })).toContain('no leader');
});

it('names the servers that are not heard', () => {
  const cluster = { leader: 'one', replicas: [peer('two', 20 * SECOND), peer('three', 0, true)] };
  expect(withoutMajority(cluster)).toContain('only 1 of 3');
  expect(withoutMajority(cluster)).toContain('two, three');
});

it('holds exactly while more than half of the copies are heard', () => {
  const peers = fc.array(fc.boolean(), { maxLength: 6 });
  fc.assert(
    fc.property(peers, (heard) => {
      const replicas = heard.map((is, index) => peer(`peer-${index}`, is ? SECOND : 60 * SECOND));
      const there = 1 + heard.filter(Boolean).length;
      const isMajority = there > (heard.length + 1) / 2;
      expect(withoutMajority({ leader: 'leader', replicas }) === null).toBe(isMajority);
    }),
  );
});
