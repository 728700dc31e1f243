import fc from 'fast-check';
import { answeredItems } from './items-of-chat.policy.js';
import type { ResponseHead } from './response.policy.js';
import { ResponseEvents } from './response-events.policy.js';

const ID = '019a0000-0000-7000-8000-000000000001';
const head: ResponseHead = {
  ...{ messageId: ID, createdAt: '2030-01-01T00:00:00.000Z', parameters: {}, instructions: null },
  ...{ behind: null, conversation: null, metadata: {}, background: false, store: true, settings: {} },
  serviceTier: 'default',
};
const whole = { model: 'm', finishReason: 'stop', usage: null, completedAt: '2030-01-01T00:00:01.000Z' };

// biome-ignore lint/suspicious/noExplicitAny: tests look into events of many shapes.
type Event = Record<string, any>;

function told(
  pieces: readonly Record<string, unknown>[],
  { finishReason = 'stop', background = false } = {},
): Event[] {
  const events: Event[] = [];
  const stream = new ResponseEvents({ ...head, background }, 'm', (_, event) => {
    events.push(structuredClone(event));
  });
  stream.begin();
  for (const piece of pieces) stream.piece(piece);
  stream.complete({ ...whole, finishReason });
  return events;
}

const types = (events: readonly Event[]) => events.map(({ type }) => type.replace('response.', ''));
const outputOf = (events: readonly Event[]) => events.at(-1)!['response'].output;

describe('the events of a response', () => {
  it('of a text come in the order that clients rely on', () => {
    const events = told([{ role: 'assistant', content: 'Hel' }, { content: 'lo' }]);
    expect(types(events)).toEqual([
      ...['created', 'in_progress', 'output_item.added', 'content_part.added'],
      ...['output_text.delta', 'output_text.delta'],
      ...['output_text.done', 'content_part.done', 'output_item.done', 'completed'],
    ]);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
    expect(outputOf(events)).toEqual([
      {
        ...{ id: `msg_${ID}_0`, type: 'message', status: 'completed', role: 'assistant' },
        content: [{ type: 'output_text', text: 'Hello', annotations: [], logprobs: [] }],
      },
    ]);
  });

  it('of one that nobody waits for begin with its queue, and go on when the model speaks', () => {
    const events = told([{ content: 'x' }], { background: true });
    expect(types(events).slice(0, 4)).toEqual(['created', 'queued', 'in_progress', 'output_item.added']);
    expect(events[0]!['response']).toMatchObject({ status: 'queued', background: true, output: [] });
  });

  it('have the reasoning as an item of its own in front', () => {
    const events = told([{ reasoning_content: 'Hm' }, { reasoning_content: '.' }, { content: 'Yes' }]);
    expect(types(events).slice(2, 11)).toEqual([
      ...['output_item.added', 'content_part.added', 'reasoning_text.delta', 'reasoning_text.delta'],
      ...['reasoning_text.done', 'content_part.done', 'output_item.done', 'output_item.added'],
      'content_part.added',
    ]);
    expect(outputOf(events)[0]).toEqual({
      ...{ id: `rs_${ID}_0`, type: 'reasoning', summary: [] },
      content: [{ type: 'reasoning_text', text: 'Hm.' }],
    });
  });

  it('of calls tell each by its name before its arguments, also where pieces come in turns', () => {
    const call = (index: number, fields: object) => ({ tool_calls: [{ index, ...fields }] });
    const events = told([
      { content: 'I look.' },
      call(0, { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x"' } }),
      call(1, { function: { arguments: '{' } }),
      call(0, { function: { arguments: ':1}' } }),
      call(1, { function: { name: 'g', arguments: '}' } }),
    ]);
    expect(outputOf(events)).toEqual([
      expect.objectContaining({ type: 'message' }),
      {
        ...{ id: `fc_${ID}_0`, type: 'function_call', status: 'completed', call_id: 'a', name: 'f' },
        arguments: '{"x":1}',
      },
      expect.objectContaining({ call_id: `call_${ID}_1`, name: 'g', arguments: '{}' }),
    ]);
    const added = events.filter(({ type }) => type === 'response.output_item.added');
    expect(added[1]!['item']).toMatchObject({ call_id: 'a', name: 'f', arguments: '' });
    const done = events.filter(({ type }) => type === 'response.function_call_arguments.done');
    expect(done.map(({ name }) => name)).toEqual(['f', 'g']);
  });

  it('have the ids that the items are read by later, also of a text that comes behind calls', () => {
    const call = (index: number, name: string) => ({
      tool_calls: [{ index, id: name, function: { name, arguments: '{}' } }],
    });
    const events = told([call(0, 'f'), call(1, 'g'), { content: 'Done.' }]);
    const tool_calls = ['f', 'g'].map((id) => ({ id, function: { name: id, arguments: '{}' } }));
    const later = answeredItems(ID, { content: 'Done.', tool_calls });
    const byId = (items: Event[]) => new Map(items.map((item) => [item['id'], item]));
    expect(byId(outputOf(events))).toEqual(byId(later));
  });

  it('have the logprobs in the form that clients look for, whatever the server left out', () => {
    const logprobs = { content: [{ token: 'Hi', logprob: -1, bytes: null }] };
    const events = told([{ content: 'Hi', logprobs }]);
    const complete = [{ token: 'Hi', logprob: -1, bytes: [], top_logprobs: [] }];
    expect(events.find(({ type }) => type === 'response.output_text.delta')!['logprobs']).toEqual(complete);
    expect(outputOf(events)[0].content[0].logprobs).toEqual(complete);
  });

  it('end incomplete where the answer was cut, by its reason', () => {
    const events = told([{ content: 'On and' }], { finishReason: 'length' });
    expect(events.at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
    });
    expect(outputOf(events)[0].status).toBe('incomplete');
  });

  it('of a refusal are a part of its own in the same message', () => {
    const events = told([{ content: 'Well' }, { refusal: 'No' }]);
    expect(outputOf(events)[0].content).toEqual([
      expect.objectContaining({ type: 'output_text', text: 'Well' }),
      { type: 'refusal', refusal: 'No' },
    ]);
  });

  interface Said {
    readonly reasoning: string[];
    readonly content: string[];
    readonly calls: { readonly name: string; readonly said: string[] }[];
  }
  const texts = fc.array(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 4 });
  const answers = fc.record({
    reasoning: texts,
    content: texts,
    calls: fc.array(fc.record({ name: fc.string({ minLength: 1, maxLength: 5 }), said: texts }), {
      maxLength: 3,
    }),
  });
  /** A whole answer, and the pieces of it. */
  function inPieces({ reasoning, content, calls }: Said) {
    const pieces: Record<string, unknown>[] = [
      ...reasoning.map((text) => ({ reasoning_content: text })),
      ...content.map((text) => ({ content: text })),
      ...calls.flatMap(({ name, said }, index) => [
        { tool_calls: [{ index, id: `c${index}`, function: { name } }] },
        ...said.map((text) => ({ tool_calls: [{ index, function: { arguments: text } }] })),
      ]),
    ];
    const answer = {
      ...(reasoning.length === 0 ? {} : { reasoning_content: reasoning.join('') }),
      content: content.length === 0 ? null : content.join(''),
      tool_calls: calls.map(({ name, said }, index) => ({
        ...{ id: `c${index}`, type: 'function' },
        function: { name, arguments: said.join('') },
      })),
    };
    return { pieces, answer };
  }

  it('end with the items that the whole answer is read as later', () => {
    fc.assert(
      fc.property(answers, (said) => {
        const { pieces, answer } = inPieces(said);
        expect(outputOf(told(pieces))).toEqual(answeredItems(ID, answer));
      }),
    );
  });

  it('are taken by a client that knows each item and part before more is said of it', () => {
    fc.assert(
      fc.property(answers, (said) => {
        const events = told(inPieces(said).pieces);
        expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
        const items: Event[] = [];
        for (const event of events) {
          if (event['type'] === 'response.output_item.added') {
            expect(event['output_index']).toBe(items.push(structuredClone(event['item'])) - 1);
          }
          const item = items[event['output_index']];
          if (event['item_id'] !== undefined) expect(item?.['id']).toBe(event['item_id']);
          if (event['type'] === 'response.content_part.added') item!['content'].push(event['part']);
          if (event['content_index'] === undefined || event['delta'] === undefined) {
            if (event['delta'] !== undefined) item!['arguments'] += event['delta'];
            continue;
          }
          item!['content'][event['content_index']].text += event['delta'];
        }
        const plain = (list: Event[]) => list.map(({ status: _, ...item }) => item);
        expect(plain(items)).toEqual(plain(outputOf(events)));
      }),
    );
  });

  it('say beforehand what number the last would have', () => {
    fc.assert(
      fc.property(answers, fc.boolean(), (said, background) => {
        let last = -1;
        const stream = new ResponseEvents({ ...head, background }, 'm', (_type, _event, sequence) => {
          last = sequence;
        });
        stream.begin();
        for (const piece of inPieces(said).pieces) stream.piece(piece);
        const expected = stream.lastIfWhole;
        stream.complete(whole);
        expect(last).toBe(expected);
      }),
    );
  });

  it('have the same numbers from a second telling of the same pieces', () => {
    fc.assert(
      fc.property(answers, (said) => {
        const { pieces } = inPieces(said);
        expect(told(pieces)).toEqual(told(pieces));
      }),
    );
  });
});
