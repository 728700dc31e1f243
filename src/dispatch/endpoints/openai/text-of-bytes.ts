import { isUtf8 } from 'node:buffer';

const STREAM = { stream: true } as const;
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Text of bytes that come in parts. Nearly always each part is a text by itself; a decoder that remembers what a part
 * ends in the middle of costs more than all else that is done with a short one, so there is none before such a part.
 */
export class TextOfBytes {
  private decoder: InstanceType<typeof TextDecoder> | null = null;
  private isFirst = true;

  of(bytes: Uint8Array): string {
    if (bytes.length === 0) return '';
    if (this.decoder !== null || !isUtf8(bytes)) {
      // It takes the byte order mark of a text, which is at its beginning only.
      this.decoder ??= new TextDecoder('utf-8', { ignoreBOM: !this.isFirst });
      return this.decoder.decode(bytes, STREAM);
    }
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    const begins = this.isFirst;
    this.isFirst = false;
    return begins && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  }

  /** What the last part left open. */
  end(): string {
    return this.decoder?.decode() ?? '';
  }
}
