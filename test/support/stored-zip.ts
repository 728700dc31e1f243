import { crc32 } from 'node:zlib';

/** A zip archive whose files are stored, not compressed (APPNOTE.TXT 4.3: local headers, then the central directory). */
export function storedZip(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [path, text] of Object.entries(files)) {
    const name = Buffer.from(path);
    const content = Buffer.from(text);
    const fields = commonFields(name, content);
    const local = Buffer.concat([signature(0x04034b50), fields, name, content]);
    // Version made by; then the shared fields; comment length, disk, attributes; where the local header starts.
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([signature(0x02014b50), Buffer.from([20, 0]), fields, tail, name]));
    locals.push(local);
    offset += local.length;
  }
  return Buffer.concat([...locals, ...centrals, endRecord(centrals, offset)]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The 26 bytes that both headers share: version needed, flags, method, time, checksum, sizes, name's length. */
function commonFields(name: Buffer, content: Buffer): Buffer {
  const bytes = Buffer.alloc(26);
  bytes.writeUInt16LE(20, 0);
  bytes.writeUInt32LE(crc32(content), 10);
  bytes.writeUInt32LE(content.length, 14);
  bytes.writeUInt32LE(content.length, 18);
  bytes.writeUInt16LE(name.length, 22);
  return bytes;
}

function endRecord(centrals: readonly Buffer[], offset: number): Buffer {
  const bytes = Buffer.alloc(18);
  bytes.writeUInt16LE(centrals.length, 4);
  bytes.writeUInt16LE(centrals.length, 6);
  bytes.writeUInt32LE(Buffer.concat(centrals).length, 8);
  bytes.writeUInt32LE(offset, 12);
  return Buffer.concat([signature(0x06054b50), bytes]);
}
