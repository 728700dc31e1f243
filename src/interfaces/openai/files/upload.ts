import type { IncomingMessage } from 'node:http';
import { Busboy, type BusboyFileStream, type BusboyHeaders } from '@fastify/busboy';
import { invalidFields, refused } from '../../../submission/refusal.js';
import { passOver } from '../../http/streamed-bodies.js';

/** A form with one file, read whole. */
export interface Upload<T> {
  readonly fields: Readonly<Record<string, string>>;
  readonly fileName: string;
  /** What became of the content. */
  readonly stored: T;
}

const LIMITS = { files: 1, fields: 20, fieldSize: 1_024, headerPairs: 20, headerSize: 4_096 };
const FILE = 'file';

/**
 * Reads a form whose part `file` is stored as it comes: no more of it is in memory than one write to the store. Fields may
 * stand behind the file, as SDKs send them, so that what they say is known last.
 *
 * @param store must read the content to its end, or throw
 * @param drop what was stored of a form that turns out to be wrong
 * @throws what `store` throws
 * @throws {RefusedError} `invalid_fields`
 */
export async function readUpload<T>(
  request: IncomingMessage,
  store: (content: AsyncIterable<Uint8Array>) => Promise<T>,
  drop: (stored: T) => void,
): Promise<Upload<T>> {
  const form = parserOf(request);
  const fields: Record<string, string> = {};
  let fileName = '';
  let content: BusboyFileStream | null = null;
  let storing: Promise<Settled<T>> | null = null;
  const end = await new Promise<FormEnd>((resolve) => {
    const broken = (error: Error) => resolve({ kind: 'broken', error });
    form.on('field', (name: string, value: string) => {
      fields[name] = value;
    });
    form.on('file', (field: string, stream: BusboyFileStream, name: string) => {
      // Where the form breaks off, whoever reads the content is told so by it, and the form itself tells the client.
      stream.on('error', () => undefined);
      if (field !== FILE || storing !== null) return void stream.resume();
      content = stream;
      fileName = name;
      storing = settled(store(stream));
      // The form would otherwise wait for somebody to read on.
      void storing.then((stored) => 'error' in stored && resolve({ kind: 'not_stored', ...stored }));
    });
    form.once('finish', () => resolve({ kind: 'whole' }));
    form.on('error', broken);
    request.once('error', broken);
    // Gone before anybody listened: nothing more would be told.
    if (request.destroyed && !request.readableEnded) broken(new Error('the connection was closed'));
    else request.pipe(form);
  });
  if (end.kind !== 'whole') {
    passOver(request);
    (content as BusboyFileStream | null)?.destroy(end.error);
  }
  const stored = (await storing) as Settled<T> | null;
  if (end.kind === 'not_stored') throw end.error;
  if (end.kind === 'broken') {
    if (stored !== null && 'value' in stored) drop(stored.value);
    throw refused('invalid_json', `The form is not whole: ${end.error.message}.`);
  }
  if (stored === null) throw invalidFields([{ field: FILE, reason: 'is missing' }]);
  if ('error' in stored) throw stored.error;
  return { fields, fileName, stored: stored.value };
}

type FormEnd = { readonly kind: 'whole' } | { readonly kind: 'broken' | 'not_stored'; readonly error: Error };
type Settled<T> = { readonly value: T } | { readonly error: Error };

function settled<T>(work: Promise<T>): Promise<Settled<T>> {
  return work.then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  );
}

function parserOf({ headers }: IncomingMessage) {
  try {
    return new Busboy({ headers: headers as BusboyHeaders, limits: LIMITS });
  } catch (error) {
    throw invalidFields([{ field: 'body', reason: `is no form: ${(error as Error).message}` }]);
  }
}
