import {
  type ConsumerConfig,
  type ConsumerUpdateConfig,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
} from '@nats-io/jetstream';

export type DurableConsumer = Partial<ConsumerConfig> & { readonly durable_name: string };

/** The server's code for a consumer of that name with other settings. */
const CONSUMER_EXISTS = 10148;

/**
 * Creates the consumer, or brings the one that is there to these settings: a changed `ack_wait` in the configuration
 * must not keep a worker from starting, nor cost the consumer its place in the stream. Resolves with its name.
 *
 * @throws {JetStreamApiError} for settings that the server does not let change (ack and deliver policy), or no stream
 */
export function ensureConsumer(stream: string, wanted: DurableConsumer) {
  return async (manager: JetStreamManager): Promise<string> => {
    const { durable_name: name } = wanted;
    if (await updated(manager, stream, wanted)) return name;
    try {
      await manager.consumers.add(stream, wanted);
    } catch (error) {
      // Another worker was faster, with other settings.
      if (!hasCode(error, CONSUMER_EXISTS) || !(await updated(manager, stream, wanted))) throw error;
    }
    return name;
  };
}

/** False when there is no such consumer. */
async function updated(manager: JetStreamManager, stream: string, wanted: DurableConsumer): Promise<boolean> {
  try {
    const { config } = await manager.consumers.info(stream, wanted.durable_name);
    const differs = Object.entries(wanted).some(
      ([key, value]) => config[key as keyof ConsumerConfig] !== value,
    );
    if (differs) await manager.consumers.update(stream, wanted.durable_name, wanted as ConsumerUpdateConfig);
    return true;
  } catch (error) {
    if (hasCode(error, JetStreamApiCodes.ConsumerNotFound)) return false;
    throw error;
  }
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
