import type { PastTurn } from '../domain/conversation/past-turn.state.js';
import type { EventLog } from '../log/event-log.port.js';
import type { ConversationReader } from '../projection/read/conversation-reader.js';

/** Further back nobody's cache remembers a list of messages. */
const MOST_TURNS = 50;

/**
 * Where the histories that were sent last were cut, so that the next one begins at the same place. The log tells it: each
 * call's MessageDispatched says where the history that it was sent begins.
 */
export class LastCuts {
  constructor(
    private readonly reader: Pick<ConversationReader, 'lastCalls'>,
    private readonly log: Pick<EventLog, 'get'>,
  ) {}

  /**
   * For each model the message at whose turn the history was cut; without one that was sent all of it.
   *
   * @param turns newest first
   */
  async of(turns: readonly PastTurn[]): Promise<ReadonlyMap<string, string>> {
    const answered = turns.filter(({ answer }) => answer !== null).slice(0, MOST_TURNS);
    const calls = await this.reader.lastCalls(answered.map(({ messageId }) => messageId));
    const cuts = await Promise.all(
      calls.map(async ({ model, dispatchedSequence }) => {
        const event = (await this.log.get(dispatchedSequence))?.event;
        const cutAt = event?.type === 'llmq.message.dispatched.v1' ? event.data.context?.cut_at : null;
        return cutAt == null ? [] : [[model, cutAt] as const];
      }),
    );
    return new Map(cuts.flat());
  }
}
