import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { streamSequenceOf } from '../../src/log/log-position.js';
import { queryPostgres } from '../support/server-clients.js';
import type { ServiceAddresses } from '../support/service-addresses.js';

export interface ErasingProgress {
  /**
   * Resolves when the log has lost this share of the records that the conversation's erasure is to take away.
   *
   * @param share between 0 and 1
   */
  untilErased(id: string, share: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Follows an erasure that begins after this. The stream's first record must not belong to it: the broker counts only
 * what is missing behind it.
 */
export async function watchErasing({ nats, databaseUrl }: ServiceAddresses): Promise<ErasingProgress> {
  const connection = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  const { streams } = await jetstreamManager(connection);
  const deleted = async () => (await streams.info('LLMQ_EVENTS')).state.num_deleted ?? 0;
  const before = await deleted();
  return {
    async untilErased(id, share) {
      const queue = (await queryPostgres(
        databaseUrl,
        `SELECT sequence::float8 FROM llmq.erasure_queue WHERE conversation_id = '${id}'`,
      )) as { sequence: number }[];
      const records = new Set(queue.map(({ sequence }) => streamSequenceOf(sequence))).size;
      while ((await deleted()) < before + share * records);
    },
    close: () => connection.close(),
  };
}
