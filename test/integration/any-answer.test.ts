import fc from 'fast-check';
import { type ModelAnswer, ModelCallError } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import { AnswerReader } from '../../src/dispatch/endpoints/openai/answer-reader.js';
import { EndpointWords } from '../../src/dispatch/endpoints/openai/endpoint-words.js';
import { DeliveredAnswer } from '../../src/interfaces/openai/delivered-answer.policy.js';

interface Read {
  readonly pieces: Record<string, unknown>[];
  /** Null where the call failed. */
  readonly answer: ModelAnswer | null;
}

/** Feeds the bytes cut in pieces. @throws what is no ModelCallError */
function read(bytes: Uint8Array, cuts: readonly number[], brokenOff = false): Read {
  const pieces: Record<string, unknown>[] = [];
  const reader = new AnswerReader({
    onDelta: (piece) => pieces.push(JSON.parse(JSON.stringify(piece))),
    words: new EndpointWords(['secret-key'], '127.0.0.1'),
    ...{ model: 'm', seed: 'seed', elapsedMs: () => 1 },
  });
  try {
    let at = 0;
    for (const cut of cuts) {
      reader.feed(bytes.subarray(at, at + cut));
      at += cut;
    }
    reader.feed(bytes.subarray(at));
    if (!brokenOff) reader.end();
    return { pieces, answer: reader.result(brokenOff) };
  } catch (error) {
    if (error instanceof ModelCallError) return { pieces, answer: null };
    throw error;
  }
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const cuts = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 });

/** JSON that looks as answers do, with anything anywhere. */
const odd = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(null, '', 0, 1, -1, 1e9, true, 'stop', 'x', '{"a":1}', [], {}) },
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>,
);
const text = fc.oneof(fc.string({ maxLength: 6 }), odd);
const call = fc.record(
  {
    index: fc.oneof(fc.nat(3), odd),
    id: fc.oneof(fc.constantFrom('a', 'b', ''), odd),
    type: odd,
    function: fc.oneof(
      fc.record({ name: fc.oneof(fc.constantFrom('f', 'g'), odd), arguments: text }, { requiredKeys: [] }),
      odd,
    ),
    name: odd,
    arguments: odd,
    custom: odd,
  },
  { requiredKeys: [] },
);
const delta = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      {
        role: odd,
        content: fc.oneof(
          text,
          fc.array(
            fc.record(
              { type: fc.constantFrom('text', 'thinking', 'image_url'), text, thinking: odd },
              { requiredKeys: [] },
            ),
            { maxLength: 3 },
          ),
        ),
        reasoning_content: text,
        refusal: text,
        tool_calls: fc.oneof(fc.array(call, { maxLength: 3 }), odd),
        function_call: fc.oneof(fc.record({ name: odd, arguments: text }), odd),
        annotations: odd,
        mood: text,
        details: fc.oneof(
          fc.array(fc.record({ index: fc.nat(2), text: fc.string(), at: odd }), { maxLength: 2 }),
          odd,
        ),
        __proto__: odd,
        constructor: odd,
        index: odd,
      },
      { requiredKeys: [], noNullPrototype: false },
    ),
  },
  odd,
);
const choice = fc.record(
  {
    index: fc.oneof(fc.nat(2), odd),
    delta,
    message: delta,
    text,
    finish_reason: fc.oneof(fc.constantFrom(null, 'stop', '', 'tool_calls', 'odd'), odd),
    logprobs: fc.oneof(fc.record({ content: fc.array(odd, { maxLength: 2 }) }), odd),
    usage: odd,
    stop_reason: odd,
  },
  { requiredKeys: [] },
);
const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record(
      {
        choices: fc.oneof({ weight: 4, arbitrary: fc.array(choice, { maxLength: 3 }) }, odd),
        model: odd,
        usage: fc.oneof(fc.record({ prompt_tokens: odd, completion_tokens: odd, x: odd }), odd),
        citations: odd,
        object: fc.constantFrom('chat.completion.chunk', 'error', 1, null),
      },
      { requiredKeys: ['choices'] },
    ),
  },
  odd,
);
const stream = fc
  .tuple(
    fc.array(event, { maxLength: 8 }),
    fc.constantFrom('', 'data: [DONE]\n\n', ': x\n\n', 'event: error\ndata: x\n\n'),
  )
  .map(([events, end]) => events.map((each) => `data: ${JSON.stringify(each)}\n\n`).join('') + end);

describe('an answer of any kind', () => {
  it('names a model in no more words than a client may', () => {
    const whole = {
      model: 'x'.repeat(1_000_000),
      choices: [{ message: { content: 'y' }, finish_reason: 'z'.repeat(1_000) }],
    };
    const { answer } = read(bytesOf(JSON.stringify(whole)), []);
    expect(answer!.model).toBe('x'.repeat(256));
    expect(answer!.finishReason).toBe('stop');
  });

  it('in any bytes fails as a call, or is one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), cuts, fc.boolean(), (bytes, sizes, broken) => {
        read(bytes, sizes, broken);
      }),
      { numRuns: 300 },
    );
  });

  it('in any JSON fails as a call, or is one', () => {
    fc.assert(
      fc.property(fc.oneof(event, odd), cuts, (value, sizes) => {
        read(bytesOf(JSON.stringify(value) ?? ''), sizes);
      }),
      { numRuns: 500 },
    );
  });

  it('in any events fails as a call, or is one, the same wherever it is cut', () => {
    fc.assert(
      fc.property(stream, cuts, fc.boolean(), (body, sizes, broken) => {
        const bytes = bytesOf(body);
        const cut = read(bytes, sizes, broken);
        expect(read(bytes, [], broken)).toEqual(cut);
      }),
      { numRuns: 500 },
    );
  });

  it('is to its clients what is stored of it, with every choice', () => {
    fc.assert(
      fc.property(stream, cuts, (body, sizes) => {
        const { pieces, answer } = read(bytesOf(body), sizes);
        if (answer === null) return;
        const delivered = new DeliveredAnswer();
        for (const [at, piece] of pieces.entries()) {
          delivered.take({ attempt: 1, seq: at + 1, delta: piece });
        }
        // The way through the log.
        const stored = JSON.parse(JSON.stringify(answer)) as ModelAnswer;
        for (const { index, message, logprobs = null } of storedChoices(stored)) {
          const rest = delivered.rest(message, { index, logprobs });
          // An empty content is nothing that pieces tell.
          expect(rest.kind === 'delta' ? textsOf(rest.delta) : rest).toEqual(
            rest.kind === 'delta' ? [] : { kind: 'nothing' },
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  it('given again by another attempt goes on where it was cut, and is never told to differ', () => {
    fc.assert(
      fc.property(stream, cuts, fc.nat(10), (body, sizes, until) => {
        const { pieces, answer } = read(bytesOf(body), sizes);
        if (answer === null) return;
        const delivered = new DeliveredAnswer();
        const first = pieces.slice(0, until);
        for (const [at, piece] of first.entries()) delivered.take({ attempt: 1, seq: at + 1, delta: piece });
        for (const [at, piece] of pieces.entries()) {
          expect(delivered.take({ attempt: 2, seq: at + 1, delta: piece }).kind).not.toBe('diverged');
        }
        const stored = JSON.parse(JSON.stringify(answer)) as ModelAnswer;
        for (const { index, message, logprobs = null } of storedChoices(stored)) {
          expect(delivered.rest(message, { index, logprobs }).kind).not.toBe('diverged');
        }
      }),
      { numRuns: 500 },
    );
  });
});

interface Stored {
  readonly index: number;
  readonly message: Record<string, unknown>;
  readonly logprobs?: unknown;
}

function storedChoices({ answer, extra }: ModelAnswer): Stored[] {
  const choices = (extra?.['choices'] ?? []) as Stored[];
  const first = choices.find(({ index }) => index === 0);
  return [{ ...first, index: 0, message: answer }, ...choices.filter(({ index }) => index > 0)];
}

function textsOf({ role: _role, index: _index, ...fields }: Readonly<Record<string, unknown>>): unknown[] {
  return Object.values(fields).filter((value) => value !== '');
}
