import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../../domain/caller.js';
import { settingDurationMs } from '../../../domain/duration.policy.js';
import { LogRoom } from '../../../log/room/log-room.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { mayBeDone, type RefusedError, refused, refusedField } from '../../../submission/refusal.js';
import { refusalOf } from '../../../submission/refusal-of.js';
import { type ListPage, type ListRequest, listPage } from '../list-page.policy.js';
import { type FilePurpose, isExpired, type StoredFile, storedBytes } from './file.state.js';
import { FileObjects } from './nats/file-objects.js';
import { FileRecords } from './nats/file-records.js';
import { Uploads } from './uploads.state.js';

/** A content that is stored, and no file yet: nobody can find it. */
export interface ReceivedContent {
  readonly id: string;
  readonly bytes: number;
}

export interface NewFile {
  readonly name: string;
  readonly purpose: FilePurpose;
  /** As long as the service keeps files when absent. */
  readonly expiresAfterS?: number | null;
}

/**
 * The files of tenants. The content comes first and what is known of it last, so that whatever is known is there as a
 * whole; a file goes the other way.
 */
@Injectable()
export class Files {
  private readonly mostBytes: number;
  /** Of a tenant; null for no limit. */
  private readonly mostStored: number | null;
  private readonly keptMs: number | null;
  private readonly uploads = new Uploads();

  constructor(
    private readonly objects: FileObjects,
    private readonly records: FileRecords,
    @Inject(LogRoom) private readonly room: Pick<LogRoom, 'refusal'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'newId'>,
    @Inject(SERVICE_CONFIG) { batches }: Pick<ServiceConfig, 'batches'>,
  ) {
    this.mostBytes = batches.max_file_bytes;
    this.mostStored = batches.max_stored_bytes;
    this.keptMs = batches.keep_files === null ? null : settingDurationMs(batches.keep_files);
  }

  /**
   * Stores a client's content as it comes; `keep` or `drop` must follow.
   *
   * @throws what the content throws
   * @throws {RefusedError} `content_too_large`; `limit_reached` where the tenant's files have too much together
   * @throws {LogFullError} {LogUnavailableError} nothing is left of it
   */
  async receive(tenant: string, content: AsyncIterable<Uint8Array>): Promise<ReceivedContent> {
    this.refuseWithoutRoom();
    const id = this.newId();
    this.uploads.begin(id, tenant);
    try {
      const stored = await this.storedOf(tenant);
      return await this.receiveAs(id, this.bounded(id, content, stored));
    } catch (error) {
      this.uploads.dropped(id);
      throw error;
    }
  }

  /** What the service itself makes, under an id of its own: put there again, it is the same file. */
  async receiveAs(id: string, content: AsyncIterable<Uint8Array>): Promise<ReceivedContent> {
    return { id, bytes: await this.objects.put(id, content) };
  }

  /** @throws {LogUnavailableError} it may be kept */
  async keep(tenant: string, { id, bytes }: ReceivedContent, file: NewFile): Promise<StoredFile> {
    const createdAtMs = this.sources.nowMs();
    const known = await this.records.read(tenant, id);
    const lifeMs = file.expiresAfterS == null ? this.keptMs : file.expiresAfterS * 1_000;
    const stored: StoredFile = {
      ...{ id, tenant, bytes, createdAtMs },
      ...{ name: file.name, purpose: file.purpose },
      expiresAtMs: lifeMs === null ? null : createdAtMs + lifeMs,
    };
    // Nobody else knows the id, but for who carried the same work out before.
    await this.records.write(stored, known?.revision ?? 0);
    this.uploads.kept(id);
    return stored;
  }

  /** Nobody waits for this: what is left of a content is swept. It may be known as a file already, which goes first. */
  drop(tenant: string, { id }: ReceivedContent): void {
    this.uploads.dropped(id);
    this.remove({ tenant, id }).catch(() => undefined);
  }

  /** The same after a failure. What may have come to be all the same stays whole. */
  dropAfter(failure: unknown, tenant: string, received: ReceivedContent): void {
    if (!mayBeDone(refusalOf(failure))) this.drop(tenant, received);
    else this.uploads.kept(received.id);
  }

  /** Null for an unknown id, for another tenant's file, and for one that has expired. @throws {LogUnavailableError} */
  async find(tenant: string, id: string): Promise<StoredFile | null> {
    const file = (await this.records.read(tenant, id))?.value ?? null;
    return file === null || isExpired(file, this.sources.nowMs()) ? null : file;
  }

  /** @throws {RefusedError} `not_found` @throws {LogUnavailableError} */
  async get(caller: Caller, id: string): Promise<StoredFile> {
    const file = await this.find(caller.tenant, id);
    if (file === null) throw unknownFile(id);
    return file;
  }

  /** @throws {RefusedError} `invalid_fields`, for an `after` that names none @throws {LogUnavailableError} */
  async list(
    caller: Caller,
    request: ListRequest & { readonly purpose: FilePurpose | null },
  ): Promise<ListPage<StoredFile>> {
    const nowMs = this.sources.nowMs();
    const all = (await this.records.list(caller.tenant)).filter(
      (file) => !isExpired(file, nowMs) && (request.purpose === null || file.purpose === request.purpose),
    );
    const page = listPage(all, request);
    if (page === null) throw refusedField('invalid_fields', 'after', 'names no file');
    return page;
  }

  /** The content in its order, as slowly as it is read. @throws {FileGoneError} {LogUnavailableError} */
  content({ id }: Pick<StoredFile, 'id'>): AsyncIterable<Uint8Array> {
    return this.objects.read(id);
  }

  /** May be repeated. @throws {LogUnavailableError} some of it may be left */
  async remove(file: Pick<StoredFile, 'tenant' | 'id'>): Promise<void> {
    await this.records.remove(file);
    await this.objects.remove(file.id);
  }

  newId(): string {
    return `file-${this.sources.newId().replaceAll('-', '')}`;
  }

  /** Of no use without a limit, and then not asked for. */
  private async storedOf(tenant: string): Promise<number> {
    if (this.mostStored === null) return 0;
    return storedBytes(await this.records.list(tenant), this.sources.nowMs());
  }

  private async *bounded(
    id: string,
    content: AsyncIterable<Uint8Array>,
    stored: number,
  ): AsyncIterable<Uint8Array> {
    const { mostStored } = this;
    const refuseAbove = (added: number) => {
      if (mostStored !== null && stored + added > mostStored) throw tooMuch(stored, mostStored);
    };
    let bytes = 0;
    for await (const part of content) {
      bytes += part.length;
      if (bytes > this.mostBytes) throw tooLarge(this.mostBytes);
      refuseAbove(this.uploads.add(id, part.length));
      // Many at once could take what is reserved for the events of messages that are under way.
      this.refuseWithoutRoom();
      yield part;
    }
    // Others may have become whole since the last part came.
    refuseAbove(this.uploads.add(id, 0));
    this.uploads.ended(id);
  }

  /** @throws {LogFullError} */
  private refuseWithoutRoom(): void {
    const full = this.room.refusal();
    if (full !== null) throw full;
  }
}

function tooLarge(most: number) {
  return refusedField(
    'content_too_large',
    'file',
    `has more than ${most} bytes, which is the most (batches.max_file_bytes)`,
  );
}

function tooMuch(stored: number, most: number): RefusedError {
  const message = `The stored files have ${stored} bytes, and this upload, with others at the same time, would exceed the limit of ${most} (batches.max_stored_bytes). Delete files that nobody needs any more, such as those of batches that have ended, or let files expire sooner (expires_after).`;
  return refused('limit_reached', message);
}

export function unknownFile(id: string) {
  return refused('not_found', `There is no file ${id.slice(0, 80)}.`);
}
