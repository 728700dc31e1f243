import type { Changes } from '../../projection/tables/changes.js';
import { type ChangeWatcher, MessageChanges, type Watched } from './message-changes.js';

/** Writes down what it is told. */
class Watcher implements ChangeWatcher {
  readonly told: string[] = [];

  constructor(readonly watched: Watched) {}

  changed(id: string): void {
    this.told.push(`changed ${id}`);
  }
  erased(ids: readonly string[]): void {
    this.told.push(`erased ${ids.join()}`);
  }
  unsure(): void {
    this.told.push('unsure');
  }
  reached(sequence: number): void {
    this.told.push(`reached ${sequence}`);
  }
  tick(): void {}
}

const tenant = 'red';
let hear: (changes: Changes) => void;
let changes: MessageChanges;

function watching(watched: Watched): Watcher {
  const watcher = new Watcher(watched);
  changes.watch(watcher);
  return watcher;
}

beforeEach(() => {
  const listen = (heard: typeof hear) => {
    hear = heard;
    return () => undefined;
  };
  changes = new MessageChanges({ listen, watch: () => undefined } as never);
});

afterEach(() => changes.onApplicationShutdown());

it('tells of an erasure those whom it may concern, and lets nobody look at all', () => {
  const user = watching({ kind: 'user', tenant, id: 'mia' });
  const gone = watching({ kind: 'conversation', tenant, id: 'c1' });
  const message = watching({ kind: 'message', id: 'm1' });
  const other = watching({ kind: 'user', tenant: 'blue', id: 'mia' });
  hear({ from: 5, to: 5, messages: [], erased: [] });
  for (const watcher of [user, gone, message, other]) watcher.told.length = 0;
  const ofTenant = (kind: 'message' | 'conversation', id: string) => ({ kind, tenant, id });
  const erased = [ofTenant('conversation', 'c1'), ofTenant('message', 'm1'), ofTenant('message', 'm2')];
  hear({ from: 5, to: 9, messages: [], erased });
  expect(user.told).toEqual(['erased m1,m2']);
  expect(gone.told).toEqual(['unsure', 'erased m1,m2']);
  expect(message.told).toEqual(['changed m1']);
  expect(other.told).toEqual([]);
});

it('wakes by a commit only those of whom something changed', () => {
  const mia = watching({ kind: 'user', tenant, id: 'mia' });
  const joe = watching({ kind: 'user', tenant, id: 'joe' });
  hear({ from: 5, to: 5, messages: [], erased: [] });
  for (const watcher of [mia, joe]) watcher.told.length = 0;
  hear({
    ...{ from: 5, to: 9, erased: [] },
    messages: [{ id: 'm1', tenant, userId: 'mia', conversationId: null }],
  });
  expect(mia.told).toEqual(['changed m1', 'reached 9']);
  expect(joe.told).toEqual([]);
});
