import fc from 'fast-check';
import { chatOfItems, type Problem } from './chat-of-items.policy.js';
import { askedItems } from './items-of-chat.policy.js';

const ID = '019a0000-0000-7000-8000-000000000001';

function read(input: unknown) {
  const problems: Problem[] = [];
  return { messages: chatOfItems(input, 'input', problems), problems };
}

describe('items as a chat', () => {
  it('are one question where they are a text', () => {
    expect(read('Hi')).toEqual({ messages: [{ role: 'user', content: 'Hi' }], problems: [] });
  });

  it('put together what the model said in one go', () => {
    const { messages } = read([
      { role: 'user', content: 'Weather?' },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'I look.' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'A moment.' }] },
      { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' },
      { type: 'function_call', call_id: 'b', name: 'g', arguments: '{}' },
      { type: 'function_call_output', call_id: 'a', output: 'sun' },
      { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'rain' }] },
    ]);
    expect(messages).toEqual([
      { role: 'user', content: 'Weather?' },
      {
        ...{ role: 'assistant', content: 'A moment.', reasoning_content: 'I look.' },
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } },
          { id: 'b', type: 'function', function: { name: 'g', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: 'sun' },
      { role: 'tool', tool_call_id: 'b', content: 'rain' },
    ]);
  });

  it('keep all of the reasoning that comes before what the model said', () => {
    const reasoning = (text: string) => ({ type: 'reasoning', summary: [{ type: 'summary_text', text }] });
    const { messages } = read([
      ...[{ role: 'user', content: 'x' }, reasoning('One.'), reasoning('Two.')],
      { role: 'assistant', content: 'Yes' },
      ...[reasoning('Three.'), { role: 'assistant', content: 'No' }],
    ]);
    expect(messages.slice(1)).toEqual([
      { role: 'assistant', content: 'Yes', reasoning_content: 'One.\n\nTwo.' },
      { role: 'assistant', content: 'No', reasoning_content: 'Three.' },
    ]);
  });

  it('have pictures, files and sounds in the words of chats', () => {
    const { messages, problems } = read([
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is it?' },
          { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'low' },
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' },
        ],
      },
    ]);
    expect(problems).toEqual([]);
    expect(messages[0]!['content']).toEqual([
      { type: 'text', text: 'What is it?' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' } },
    ]);
  });

  it.each([
    [[{ type: 'web_search_call', id: 'x' }], 'input[0].type', /is web_search_call/],
    [[{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }], /file_data$/, /not looked up/],
    [[{ role: 'robot', content: 'x' }], 'input[0].role', /must be one of/],
    [[{ role: 'user' }], 'input[0].content', /must be a text/],
    [[{ type: 'function_call', name: 'f', arguments: '{}' }], 'input[0].call_id', /must be a text/],
    [[], 'input', /empty/],
    [7, 'input', /text or a list/],
  ])('tell what can not be taken: %j', (input, field, reason) => {
    const [problem] = read(input).problems;
    expect(problem!.field).toMatch(field);
    expect(problem!.reason).toMatch(reason);
  });

  it('are made of whatever else a chat may hold', () => {
    const items = askedItems(ID, [
      { role: 'user', content: [null, 'a', { type: 'image_url' }, { type: 'image_url', image_url: 'u' }] },
      { role: 'user', content: [{ type: 'file' }] },
      { role: 'user' },
      { role: 'assistant', content: [{ type: 'text', text: 'b' }, null, { type: 'refusal', refusal: 'c' }] },
      { role: 'assistant', content: null, tool_calls: [null, { id: 'd' }] },
      { role: 'tool' },
    ]);
    expect(items).toMatchObject([
      {
        content: [
          { type: 'input_text', text: '' },
          { type: 'input_text', text: 'a' },
          ...[{ type: 'input_image' }, { type: 'input_image', image_url: 'u' }],
        ],
      },
      { content: [{ type: 'input_file' }] },
      { content: [{ type: 'input_text', text: '' }] },
      {
        content: [
          { type: 'output_text', text: 'b' },
          { type: 'refusal', refusal: 'c' },
        ],
      },
      { type: 'function_call', name: '' },
      { type: 'function_call', call_id: 'd' },
      { type: 'function_call_output' },
    ]);
  });

  const text = fc.string({ minLength: 1, maxLength: 8 });
  const message = fc.oneof(
    fc.record({ role: fc.constantFrom('user', 'system'), content: text }),
    fc.record({
      role: fc.constant('user'),
      content: fc.array(fc.record({ type: fc.constant('text'), text }), { minLength: 2, maxLength: 3 }),
    }),
    fc.record({ role: fc.constant('tool'), tool_call_id: text, content: text }),
  );
  const said = fc.record(
    {
      role: fc.constant('assistant' as const),
      content: fc.option(text),
      reasoning_content: text,
      tool_calls: fc.array(
        fc.record({
          ...{ id: text, type: fc.constant('function') },
          function: fc.record({ name: text, arguments: text }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    },
    { requiredKeys: ['role', 'content'] },
  );
  const turns = fc.array(fc.tuple(message, fc.option(said)), { minLength: 1, maxLength: 5 });

  it('are the same chat again that they were made of', () => {
    fc.assert(
      fc.property(turns, (pairs) => {
        const chat = pairs.flatMap(([asked, answer]) => {
          const says = answer !== null && (answer.content !== null || answer.tool_calls !== undefined);
          return says ? [asked, answer] : [asked];
        });
        expect(read(askedItems(ID, chat))).toEqual({ messages: chat, problems: [] });
      }),
    );
  });
});
