import { AnswerReader } from './answer-reader.js';
import { EndpointWords } from './endpoint-words.js';
import { ResponseChunks } from './responses/response-chunks.policy.js';

type Fields = Record<string, unknown>;

/** Reads events, and says how often each was told as progress. */
function read(
  events: readonly Fields[],
  chunks?: ResponseChunks,
): { reader: AnswerReader; progress: number[] } {
  let told = 0;
  const reader = new AnswerReader({
    onDelta: () => undefined,
    onProgress: () => {
      told += 1;
    },
    words: new EndpointWords([], '127.0.0.1'),
    ...{ model: 'm', elapsedMs: () => 1, chunks },
  });
  const progress = events.map((event) => {
    const before = told;
    const data = `event: ${event['type']}\ndata: ${JSON.stringify(event)}\n\n`;
    reader.feed(new TextEncoder().encode(data));
    return told - before;
  });
  return { reader, progress };
}

const text = { type: 'response.output_text.delta', output_index: 0, delta: 'Hi' };
const searching = { type: 'response.web_search_call.searching', output_index: 1 };
const empty = { type: 'response.output_text.delta', output_index: 0, delta: '' };
const keepalive = { type: 'keepalive' };

describe('the progress of an answer', () => {
  it('is whatever Responses say, once something was told', () => {
    const { progress } = read(
      [searching, keepalive, empty, text, searching, keepalive, empty],
      new ResponseChunks(),
    );
    expect(progress.map((times) => times > 0)).toEqual([false, false, false, true, true, true, true]);
  });

  it('is what chunks of a chat say alone', () => {
    const chunk = (content: string) => ({ choices: [{ index: 0, delta: { content } }] });
    for (const chunks of [undefined, new ResponseChunks()]) {
      const { progress } = read([chunk('Hi'), chunk(''), chunk('!')], chunks);
      expect(progress).toEqual([1, 0, 1]);
    }
    expect(read([chunk('Hi'), keepalive, chunk('!')]).progress).toEqual([1, 0, 1]);
  });
});

it.each([{}, { response: null }])('an end of Responses alone is no answer: %j', (more) => {
  const { reader } = read([{ type: 'response.completed', ...more }], new ResponseChunks());
  expect(reader.done).toBe(true);
  expect(reader.isEmpty).toBe(true);
  expect(() => reader.result()).toThrow(
    expect.objectContaining({ error: expect.objectContaining({ code: 'malformed_answer' }) }),
  );
});
