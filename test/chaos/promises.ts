import { isTerminalStatus } from '../../src/domain/message/message.state.js';
import { eventually } from '../support/eventually.js';
import type { ServiceAddresses } from '../support/service-addresses.js';
import { readRows, readStories, type Story } from './story.js';

/**
 * Waits until every accepted message has ended, then checks the promises from the log and from PostgreSQL:
 * nothing accepted is lost, each message has exactly one terminal event that counts, and one row, one result and the
 * counted answer in PostgreSQL.
 *
 * @returns what is broken, one sentence each; empty when all promises held
 */
export async function brokenPromises(
  addresses: ServiceAddresses,
  accepted: ReadonlyMap<string, string>,
  expectedAnswer: (content: string) => string,
): Promise<string[]> {
  const stories = await eventually(() => endedStories(addresses, accepted), {
    withinMs: 300_000,
    everyMs: 500,
  });
  const rows = await eventually(async () => caughtUpRows(addresses, stories), {
    withinMs: 180_000,
    everyMs: 250,
  });
  const broken: string[] = [];
  for (const [id, content] of accepted) {
    const story = stories.get(id)!;
    const row = rows.get(id);
    if (story.state.status !== 'completed') broken.push(`${id} ended as ${story.state.status}`);
    if (story.answer !== expectedAnswer(content))
      broken.push(`${id} has another answer than its content asks for`);
    if (row === undefined) broken.push(`${id} is not in PostgreSQL`);
    else if (row.results !== 1) broken.push(`${id} has ${row.results} results in PostgreSQL`);
    else if (row.answer !== story.answer)
      broken.push(`${id} has an answer in PostgreSQL that does not count`);
    else if (row.status !== story.state.status || row.terminal_sequence !== story.state.terminalSequence)
      broken.push(`${id} is ${row.status} at ${row.terminal_sequence} in PostgreSQL, not as in the log`);
  }
  for (const id of rows.keys())
    if (!stories.has(id)) broken.push(`${id} is in PostgreSQL but not in the log`);
  return broken;
}

async function endedStories(
  addresses: ServiceAddresses,
  accepted: ReadonlyMap<string, string>,
): Promise<Map<string, Story>> {
  const stories = await readStories(addresses);
  const lost = [...accepted.keys()].filter((id) => !stories.has(id));
  if (lost.length > 0)
    throw new Error(`${lost.length} accepted messages are not in the log: ${lost.slice(0, 3)}`);
  const open = [...stories.values()].filter(({ state }) => !isTerminalStatus(state.status));
  if (open.length > 0)
    throw new Error(`${open.length} messages have not ended, for instance ${JSON.stringify(open[0]?.state)}`);
  return stories;
}

async function caughtUpRows(addresses: ServiceAddresses, stories: Map<string, Story>) {
  const rows = await readRows(addresses);
  const behind = [...stories].filter(
    ([id, { state }]) => rows.get(id)?.terminal_sequence !== state.terminalSequence,
  );
  if (behind.length > 0)
    throw new Error(
      `${behind.length} messages are not in PostgreSQL as in the log: ${JSON.stringify(behind[0])}`,
    );
  return rows;
}
