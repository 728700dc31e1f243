import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Where lines go: a file, or standard output. Writing waits for the reader. */
export class LineOutput {
  private constructor(
    private readonly stream: Writable,
    private readonly ownsStream: boolean,
  ) {}

  /** @param append goes on with a file that is there, instead of replacing it */
  static to(path: string | undefined, append: boolean): LineOutput {
    if (path === undefined) return new LineOutput(process.stdout, false);
    return new LineOutput(createWriteStream(path, { flags: append ? 'a' : 'w' }), true);
  }

  async write(text: string): Promise<void> {
    if (text !== '' && !this.stream.write(text)) await once(this.stream, 'drain');
  }

  async end(): Promise<void> {
    if (!this.ownsStream) return;
    this.stream.end();
    await finished(this.stream);
  }
}
