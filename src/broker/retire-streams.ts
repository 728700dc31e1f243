import { DiscardPolicy, type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { isStreamMissing } from './api-codes.js';
import { streamInfo } from './stream-info.js';
import { RETIRED_STREAMS } from './streams.js';

/**
 * Takes away the streams of earlier versions that nothing reads: whoever publishes to one would get an acknowledgement
 * for a message that is never looked at. An empty one is deleted. One that holds messages stays, and a warning names it.
 *
 * Never fails the start: a broker that does not allow it leaves things as they were.
 */
export async function retireStreams(
  connection: NatsConnection,
  logger: Logger,
  streams: readonly string[] = RETIRED_STREAMS,
): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  for (const stream of streams) {
    try {
      await retire(manager, stream, logger);
    } catch (error) {
      // Another process that starts at the same time was first.
      if (isStreamMissing(error) || (await isGone(manager, stream))) continue;
      logger.warn({ err: error, stream }, `the stream ${stream} is used no more and could not be removed`);
    }
  }
}

/** While one is being deleted, the broker answers others with various errors. */
async function isGone(manager: JetStreamManager, stream: string): Promise<boolean> {
  return (await streamInfo(manager, stream).catch(() => undefined)) === null;
}

/**
 * A message that arrives between the look and the deletion would be acknowledged and lost. So the stream is closed
 * first, and looked at again when nothing can arrive any more.
 */
async function retire(manager: JetStreamManager, stream: string, logger: Logger): Promise<void> {
  await close(manager, await manager.streams.info(stream));
  const { messages } = (await manager.streams.info(stream)).state;
  if (messages === 0) {
    await manager.streams.delete(stream);
    logger.info({ stream }, `removed the empty stream ${stream}, which is used no more`);
    return;
  }
  logger.warn(
    { stream, messages },
    `The stream ${stream} is used no more, but holds ${messages} message${messages === 1 ? '' : 's'} that nothing reads. It takes no more. Read what you need with "nats stream view ${stream}", and remove it with "nats stream rm ${stream}".`,
  );
}

/**
 * A stream with `discard: new` and room for one byte refuses every message that would be one more ("maximum bytes
 * exceeded"), and keeps those that it has. To seal it or to change its subjects would do as well, but the version before
 * refuses to start on such a stream, should an operator go back to it.
 */
async function close(manager: JetStreamManager, { config }: StreamInfo): Promise<void> {
  await manager.streams.update(config.name, { ...config, discard: DiscardPolicy.New, max_bytes: 1 });
}
