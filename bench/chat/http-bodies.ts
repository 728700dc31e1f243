const HEAD_END = '\r\n\r\n';

/**
 * Reads HTTP/1.1 messages off one connection, one after another: just enough for a load generator and a fake endpoint
 * that must cost less than what they measure. It knows `content-length` and chunked bodies, and takes the bytes as
 * Latin-1 (the benchmark's texts are ASCII).
 */
export class HttpBodies {
  private input = '';
  private head: string | null = null;
  private left = 0;
  private chunked = false;

  constructor(
    private readonly onBody: (part: string) => void,
    private readonly onEnd: (head: string) => void,
  ) {}

  take(text: string): void {
    this.input = this.input === '' ? text : this.input + text;
    while (this.head === null ? this.readHead() : this.chunked ? this.readChunk() : this.readRest());
  }

  private readHead(): boolean {
    const end = this.input.indexOf(HEAD_END);
    if (end < 0) return false;
    this.head = this.input.slice(0, end).toLowerCase();
    this.input = this.input.slice(end + HEAD_END.length);
    this.chunked = this.head.includes('transfer-encoding: chunked');
    this.left = Number(/content-length: (\d+)/.exec(this.head)?.[1] ?? 0);
    return true;
  }

  private readChunk(): boolean {
    const line = this.input.indexOf('\r\n');
    if (line < 0) return false;
    const size = Number.parseInt(this.input.slice(0, line), 16);
    const end = line + 2 + size;
    if (this.input.length < end + 2) return false;
    const part = this.input.slice(line + 2, end);
    this.input = this.input.slice(end + 2);
    if (size === 0) this.end();
    else this.onBody(part);
    return true;
  }

  private readRest(): boolean {
    const part = this.input.slice(0, this.left);
    this.input = this.input.slice(part.length);
    this.left -= part.length;
    if (part !== '') this.onBody(part);
    if (this.left > 0) return false;
    this.end();
    return true;
  }

  private end(): void {
    const head = this.head!;
    this.head = null;
    this.onEnd(head);
  }
}
