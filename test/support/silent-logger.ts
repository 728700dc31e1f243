import { pino } from 'pino';

/** For code under test that wants a logger, where the test does not look at what it logs. */
export const silentLogger = pino({ level: 'silent' });
