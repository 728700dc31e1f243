import { describe, expect, it } from '@jest/globals';
import type { Caller } from '../../domain/caller.js';
import type { MessageState } from '../../domain/message/message.state.js';
import type { MessageLookup } from '../message-lookup.js';
import { RefusedError } from '../refusal.js';
import type { AcceptedMessage, Submission } from '../submission.js';
import type { SubmitMessage, SubmitOptions } from '../submit-message.js';
import { SubmitOnce } from './submit-once.js';

const ID = '7c1f3c5e-3a8b-4a35-9d43-6f3a2f6d9d10';
const caller = (tenant: string): Caller => ({ name: tenant, role: 'client', tenant });
const item = (id: string) => ({ id, mayBeThere: true, submission: {} as Submission });

/** What is stored is there at once; an append takes a moment. */
function world(erased: readonly string[] = []) {
  const stored = new Map<string, MessageState>();
  const appends: (readonly string[])[] = [];
  const submitMany = async ({ tenant }: Caller, items: readonly unknown[], options: SubmitOptions) => {
    const ids = items.map((_, index) => options.idAt!(index));
    await new Promise((resolve) => setTimeout(resolve, 5));
    appends.push(ids);
    for (const id of ids) stored.set(id, { id, tenant } as MessageState);
    return ids.map((id) => ({ id }) as AcceptedMessage);
  };
  const lookup = {
    stored: async (ids: readonly string[]) =>
      new Map(ids.flatMap((id) => (stored.has(id) ? [[id, stored.get(id)!] as const] : []))),
    erased: async (ids: readonly string[]) => new Set(ids.filter((id) => erased.includes(id))),
  };
  const once = new SubmitOnce({ submitMany } as unknown as SubmitMessage, lookup as unknown as MessageLookup);
  const idOf = async (tenant: string, id = ID) => {
    const [result] = await once.submitMany(caller(tenant), [item(id)]);
    return result instanceof RefusedError ? result.code : result!.id;
  };
  return { once, idOf, appends };
}

describe('an id', () => {
  it("that another tenant's message has makes way for another one, always the same", async () => {
    const { idOf, appends } = world();
    expect(await idOf('acme')).toBe(ID);
    const instead = await idOf('other');
    expect(instead).not.toBe(ID);
    expect(await idOf('other')).toBe(instead);
    expect(await idOf('third')).not.toBe(instead);
    expect(appends).toHaveLength(3);
  });

  it('that comes twice at once is one message', async () => {
    const { idOf, once, appends } = world();
    const both = await Promise.all([
      idOf('acme'),
      idOf('acme'),
      once.submitMany(caller('acme'), [item(ID), item('b')]),
    ]);
    expect(both.slice(0, 2)).toEqual([ID, ID]);
    expect(appends.flat().sort()).toEqual([ID, 'b'].sort());
  });

  it('of an erased message makes none again', async () => {
    const { idOf, appends } = world([ID]);
    expect(await idOf('acme')).toBe('already_exists');
    expect(appends).toEqual([]);
  });
});
