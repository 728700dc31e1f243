import * as zlib from 'node:zlib';
import { HttpException } from '@nestjs/common';
import { type RefusedError, refused } from '../../submission/refusal.js';

type Decode = (
  body: Buffer,
  options: { readonly maxOutputLength: number },
  done: (error: NodeJS.ErrnoException | null, decoded: Buffer) => void,
) => void;

/** Since Node 22.15. */
const { zstdDecompress } = zlib as { readonly zstdDecompress?: Decode };

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', zlib.gunzip],
  ['x-gzip', zlib.gunzip],
  ['br', zlib.brotliDecompress],
  ...(zstdDecompress === undefined ? [] : [['zstd', zstdDecompress] as const]),
]);

/** For the header `Accept-Encoding`, which tells a client what it may send (RFC 9110, 12.5.3). */
export const ACCEPTED_ENCODINGS = [...DECODERS.keys()].filter((name) => name !== 'x-gzip').join(', ');

export class UnsupportedEncodingError extends HttpException {
  constructor(encoding: string) {
    const named = JSON.stringify(encoding.slice(0, 64));
    super(
      `The content encoding ${named} is not read here; send the body as it is, or as ${ACCEPTED_ENCODINGS}.`,
      415,
    );
  }
}

/**
 * Calls back with the body as it was before it was encoded, or with what is wrong with it. A body that would be larger
 * than the limit is given up where it reaches it, so that a small one can't fill the memory.
 */
export function decodeBody(
  encoding: string | undefined,
  body: Buffer,
  maxBytes: number,
  done: (error: RefusedError | HttpException | null, decoded: Buffer) => void,
): void {
  const name = (encoding ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return void done(null, body);
  const decode = DECODERS.get(name);
  if (decode === undefined) return void done(new UnsupportedEncodingError(name), body);
  decode(body, { maxOutputLength: maxBytes }, (error, decoded) => {
    if (error === null) return void done(null, decoded);
    const tooLarge = error.code === 'ERR_BUFFER_TOO_LARGE';
    done(tooLarge ? new HttpException('The decoded body is too large', 413) : notEncodedSo(name), body);
  });
}

function notEncodedSo(name: string): RefusedError {
  return refused('invalid_json', `The body is not encoded as its header says: ${name}.`);
}
