import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { readUpload } from './upload.js';

const headers = { 'content-type': 'multipart/form-data; boundary=x' };

async function lengthOf(content: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const part of content) length += part.length;
  return length;
}

function upload(form: PassThrough) {
  const dropped: number[] = [];
  const request = Object.assign(form, { headers }) as unknown as IncomingMessage;
  const read = readUpload(request, lengthOf, (length) => dropped.push(length));
  return { read, dropped };
}

const FILE = '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n';

describe('an upload', () => {
  it('is read whole, with its fields', async () => {
    const form = new PassThrough();
    const { read } = upload(form);
    const purpose = '--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n';
    form.end(`${FILE}abc\r\n${purpose}--x--`);
    expect(await read).toEqual({ fields: { purpose: 'batch' }, fileName: 'a', stored: 3 });
  });

  it('whose client is gone ends, whenever that was', async () => {
    const gone = new PassThrough();
    gone.destroy();
    await expect(upload(gone).read).rejects.toMatchObject({ refusal: { code: 'invalid_json' } });
    const going = new PassThrough();
    const { read } = upload(going);
    going.write(`${FILE}abc`);
    going.destroy(new Error('aborted'));
    await expect(read).rejects.toMatchObject({ refusal: { code: 'invalid_json' } });
  });

  it('whose form ends too early is refused, and nothing of it kept', async () => {
    const form = new PassThrough();
    const { read } = upload(form);
    form.end(`${FILE}abc`);
    await expect(read).rejects.toMatchObject({ refusal: { code: 'invalid_json' } });
  });
});
