import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { TransformStream } from 'node:stream/web';
import type { Api } from '../client/api.js';
import { progressOf } from '../terminal/progress.js';
import type { ToldBatch } from './batch-text.policy.js';

export interface UploadOptions {
  readonly endpoint?: string;
  readonly window?: string;
  readonly callbackUrl?: string;
}

/** Sends the lines of a file (`-` is standard input) as they are read: never all of them in memory. */
export async function upload(api: Api, file: string, options: UploadOptions): Promise<ToldBatch> {
  const isPiped = file === '-';
  const total = isPiped ? 0 : (await stat(file)).size;
  const progress = await progressOf('Uploading', 'bytes');
  let sent = 0;
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, out) {
      sent += chunk.byteLength;
      if (!isPiped) progress.show(sent, total);
      out.enqueue(chunk);
    },
  });
  const lines = Readable.toWeb(isPiped ? process.stdin : createReadStream(file));
  try {
    return await api.json<ToldBatch>('POST', '/api/v1/batches', {
      query: {
        endpoint: options.endpoint,
        completion_window: options.window,
        callback_url: options.callbackUrl,
      },
      headers: { 'content-type': 'application/x-ndjson' },
      stream: lines.pipeThrough(counted) as ReadableStream<Uint8Array>,
    });
  } finally {
    progress.end();
  }
}
