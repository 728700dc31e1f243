import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { isStreamMissing } from './api-codes.js';

/** What the broker tells of a stream; null where there is none of this name. */
export async function streamInfo(manager: JetStreamManager, name: string): Promise<StreamInfo | null> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (isStreamMissing(error)) return null;
    throw error;
  }
}
