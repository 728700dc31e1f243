import compress from '@fastify/compress';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Below it, headers and the work of both sides outweigh what is saved. */
const LEAST_BYTES = 1024;
/** Up to here compressing takes less time than handing the bytes to another thread; above it this thread stays free. */
const MOST_AT_ONCE_BYTES = 16 * 1024;
/** Not the scripts of the documentation's page, which anybody may ask for as often as he likes. */
const COMPRESSED = /^(application\/(problem\+)?json|text\/(plain|html))\b/;

/**
 * Answers of clients that ask for it (`Accept-Encoding: gzip`) are compressed. Streams of events and of lines write to
 * the socket themselves and are not. What is kept under an `Idempotency-Key` is the answer as it was before: hooks of
 * all routes come first.
 *
 * To be called after `NestFactory.create` and before `init` or `listen`, which make the routes.
 */
export async function compressAnswers(app: NestFastifyApplication): Promise<void> {
  await app.register(compress, {
    threshold: LEAST_BYTES,
    syncThreshold: MOST_AT_ONCE_BYTES,
    // Everybody who reads `br` reads this, and an encoder of `br` takes megabytes for each answer under way.
    customTypes: COMPRESSED,
    encodings: ['gzip'],
    zlibOptions: { level: 1 },
    // Bodies of requests are decoded where they are read, within their limits.
    globalDecompression: false,
  });
}
