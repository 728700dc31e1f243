import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ObjectStore, Objm, setSha256Backend } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';

// Its own hash, which is for browsers too, takes thirty times as long: ten seconds of all others' time for a large upload.
setSha256Backend('native');

export interface OpenedObjects {
  readonly store: ObjectStore;
  readonly manager: JetStreamManager;
}

/** A bucket of JetStream's object store, which is opened when it is first asked for, and again where that failed. */
export class ObjectBucket {
  /** The stream that holds it. */
  readonly stream: string;
  private opened: Promise<OpenedObjects> | null = null;

  constructor(
    private readonly nats: NatsConnection,
    private readonly name: string,
    private readonly timeoutMs: number,
  ) {
    this.stream = `OBJ_${name}`;
  }

  open(): Promise<OpenedObjects> {
    this.opened ??= this.openNow().catch((error: unknown) => {
      this.opened = null;
      throw error;
    });
    return this.opened;
  }

  /** Of all chunks of a content, by the id that its object has for it; `*` for those of all. */
  chunkSubject(nuid: string): string {
    return `$O.${this.name}.C.${nuid}`;
  }

  /** Of what is known of an object, as every client of object stores writes it. */
  metaSubject(object: string): string {
    const token = Buffer.from(object).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    return `$O.${this.name}.M.${token}`;
  }

  private async openNow(): Promise<OpenedObjects> {
    const options = { timeout: this.timeoutMs };
    const store = await new Objm(jetstream(this.nats, options)).open(this.name, false);
    return { store, manager: await jetstreamManager(this.nats, { checkAPI: false, ...options }) };
  }
}
