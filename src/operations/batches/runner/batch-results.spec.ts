import { describe, expect, it } from '@jest/globals';
import type { MessageState } from '../../../domain/message/message.state.js';
import type { Batch } from '../batch.state.js';
import { BatchResults, type BatchResultsParts } from './batch-results.js';
import { messageIdOf } from './line-windows.js';

const batch = {
  ...{
    id: 'batch_x',
    tenant: 'default',
    seed: '019b0000-0000-7000-8000-000000000000',
    inputFileId: 'file-x',
  },
  ...{ ending: 'completed', lastLine: 3, refused: [], endpoint: '/v1/embeddings', outputExpiresAfterS: null },
} as unknown as Batch;

const COMPLETED = 1;
const FAILED = 2;
const ALIVE = null;
type End = typeof COMPLETED | typeof FAILED | typeof ALIVE;

/** What is written of three lines, of which it is known what they came to each time that somebody looks. */
async function written(looks: readonly (readonly End[])[]): Promise<Record<string, unknown[]>> {
  const files: Record<string, unknown[]> = {};
  let look = 0;
  const parts = {
    files: {
      async *content() {
        yield Buffer.from('"a\u2028"\n"b"\n"c"\n');
      },
      async receiveAs(id: string, content: AsyncIterable<Uint8Array>) {
        let text = '';
        for await (const part of content) text += Buffer.from(part).toString();
        // As a reader cuts it that knows all line ends of Unicode.
        const lines = text.split(/[\n\u0085\u2028\u2029]/).filter((line) => line !== '');
        files[id.endsWith('error') ? 'errors' : 'output'] = lines.map((line) => JSON.parse(line));
        return { id, bytes: text.length };
      },
      keep: async () => undefined,
    },
    lookup: {
      stored: async () => {
        const ends = looks[Math.min(look, looks.length - 1)]!;
        look += 1;
        return new Map(
          ends.map((end, at) => {
            const id = messageIdOf(batch, at + 1);
            return [id, { id, attempts: 1, terminalSequence: end } as MessageState];
          }),
        );
      },
    },
    log: {
      get: async (sequence: number) => ({
        event: {
          type: `llmq.message.${sequence === COMPLETED ? 'completed' : 'dead-lettered'}.v1`,
          data: {},
        },
      }),
    },
    lines: {
      mostBytes: 100,
      customIdOf: (line: Buffer) => JSON.parse(line.toString()),
      repeatsRequest: () => false,
      answer: (_endpoint: string, _accepted: unknown, { type }: { type: string }) => {
        return { kind: 'response', statusCode: type === 'llmq.message.completed.v1' ? 200 : 502, body: {} };
      },
    },
  } as unknown as BatchResultsParts;
  const { completed, failed } = await new BatchResults(parts, batch, new AbortController().signal).write();
  return { ...files, counts: [completed, failed] };
}

const named = (name: string, more: object = {}) => expect.objectContaining({ custom_id: name, ...more });

describe('the results of a batch', () => {
  it('have each line once, by its name, whatever is in that', async () => {
    expect(await written([[COMPLETED, FAILED, COMPLETED]])).toEqual({
      ...{ output: [named('a\u2028'), named('c')], errors: [named('b')] },
      counts: [2, 1],
    });
  });

  it('have a line once that is requeued while they are written', async () => {
    const looks = [
      [FAILED, COMPLETED, FAILED],
      [COMPLETED, COMPLETED, ALIVE],
    ] as const;
    expect(await written(looks)).toEqual({
      ...{ output: [named('b')], errors: [named('a\u2028'), named('c')] },
      counts: [1, 2],
    });
  });

  it('tell of a line that was requeued, and runs', async () => {
    const { errors } = await written([[COMPLETED, ALIVE, COMPLETED]]);
    expect(errors).toEqual([
      named('b', { error: expect.objectContaining({ code: 'requeued' }), response: null }),
    ]);
  });
});
