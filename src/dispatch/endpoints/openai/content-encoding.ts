import { PassThrough, pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { malformedAnswer } from './call-errors.js';

/** More than one on top of another is nobody's need, and what a small body becomes large with. */
const MAX_ENCODINGS = 2;

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
};

/**
 * The body as it was before it was encoded. No encoding is asked for, but some proxies compress all the same. How much
 * comes out is bounded by who reads it: decoders stop where nobody reads.
 *
 * @throws {ModelCallError} `malformed_answer` for an encoding that is not known here
 */
export function decoded(body: Readable, encoding: string | string[] | undefined): Readable {
  const names = encodingsIn(encoding);
  if (names.length === 0) return body;
  const decoders = names.reverse().map((name) => DECODERS[name]);
  if (names.length > MAX_ENCODINGS || decoders.includes(undefined)) {
    body.on('error', () => undefined).destroy();
    throw malformedAnswer(`encoded as ${names.join(', ').slice(0, 60)}`);
  }
  const out = new PassThrough();
  // An error of any part destroys all of them, and is told by the last.
  pipeline([body, ...decoders.map((decoder) => decoder!()), out], () => undefined);
  return out;
}

function encodingsIn(encoding: string | string[] | undefined): string[] {
  return [encoding ?? []]
    .flat()
    .flatMap((value) => value.split(','))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
}
