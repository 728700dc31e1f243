import { LogUnavailableError } from '../../log/event-log.errors.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { DeadLetter } from '../../projection/read/dead-letter-reader.js';
import { DeadLetters } from './dead-letters.js';

const KNOWN = { messageId: 'm' } as DeadLetter;
const AWAY = new LogUnavailableError('not_stored', 1, 'only 1 of 3 NATS servers');
const alone = async () => Promise.reject(AWAY);

function letters(known: DeadLetter | null, extent: EventLog['extent'], reached = true): DeadLetters {
  return new DeadLetters(
    { find: async () => known } as never,
    { waitFor: async () => reached } as never,
    { lastSequence: async () => 7, extent } as never,
    { projection: { read_wait_ms: 1 } } as never,
    {} as never,
  );
}

describe('a dead letter', () => {
  it('is found without asking whether a majority knows the end of the log', async () => {
    expect(await letters(KNOWN, alone).find('t', 'm')).toBe(KNOWN);
  });

  it('is missing only where a majority knows the end, and the tables have it', async () => {
    const whole = async () => ({ lastSequence: 9, missing: 0 });
    expect(await letters(null, whole).find('t', 'm')).toBeNull();
    await expect(letters(null, alone).find('t', 'm')).rejects.toBe(AWAY);
    await expect(letters(null, whole, false).find('t', 'm')).rejects.toMatchObject({
      code: 'projection_behind',
    });
  });
});
