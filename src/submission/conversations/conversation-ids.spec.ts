import fc from 'fast-check';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { conversationIdOf, firstNotErased } from './conversation-ids.js';

it('makes the same UUID of the same name, and another one for each tenant, name and erasure', () => {
  const id = conversationIdOf('acme', 'user-42', 0);
  expect(isUuid(id)).toBe(true);
  expect(id[14]).toBe('8');
  expect(id).toBe(id.toLowerCase());
  expect(conversationIdOf('acme', 'user-42', 0)).toBe(id);
  const others = [
    conversationIdOf('acme', 'user-42', 1),
    conversationIdOf('acme', 'User-42', 0),
    conversationIdOf('other', 'user-42', 0),
    conversationIdOf('acme","user', '-42', 0),
  ];
  expect(new Set([id, ...others]).size).toBe(5);
});

it('finds the first place that is not erased in few reads', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 3_000 }), fc.boolean(), async (erased, isThere) => {
      let reads = 0;
      const found = await firstNotErased(async (index) => {
        reads += 1;
        const state = index < erased ? 'erased' : 'active';
        const there = index < erased || (isThere && index === erased);
        return { id: `${index}`, conversation: there ? ({ state } as ConversationState) : null };
      });
      expect(found.id).toBe(`${erased}`);
      expect(reads).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(erased + 2)));
    }),
  );
});
