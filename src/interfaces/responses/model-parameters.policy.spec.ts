import type { Problem } from './chat-of-items.policy.js';
import { modelParameters, toldParameters } from './model-parameters.policy.js';

function read(fields: Record<string, unknown>) {
  const problems: Problem[] = [];
  return { ...modelParameters(fields, problems), problems };
}

const FORMAT = { type: 'json_schema', name: 'event', strict: true, schema: { type: 'object' } };
const TOOL = { type: 'function', name: 'f', strict: true, parameters: { type: 'object' } };

describe('what a response asks of a model', () => {
  it('is said in the words of chat completions, and told again in its own', () => {
    const asked = {
      ...{ max_output_tokens: 50, temperature: 0.5, top_p: 0.9, parallel_tool_calls: false, user: 'ann' },
      ...{ text: { format: FORMAT, verbosity: 'low' }, reasoning: { effort: 'low', summary: 'auto' } },
      ...{ tools: [TOOL], tool_choice: { type: 'function', name: 'f' }, truncation: 'auto' },
    };
    const { parameters, settings, problems } = read({ ...asked, top_k: 5, seed: null });
    expect(problems).toEqual([]);
    expect(parameters).toEqual({
      ...{ max_tokens: 50, temperature: 0.5, top_p: 0.9, parallel_tool_calls: false, user: 'ann', top_k: 5 },
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'event', strict: true, schema: { type: 'object' } },
      },
      ...{ verbosity: 'low', reasoning_effort: 'low' },
      tools: [{ type: 'function', function: { name: 'f', strict: true, parameters: { type: 'object' } } }],
      tool_choice: { type: 'function', function: { name: 'f' } },
    });
    expect(settings).toEqual({ truncation: 'auto', summary: 'auto' });
    expect(toldParameters(parameters, settings)).toMatchObject(asked);
  });

  it('is nothing where nothing is asked', () => {
    expect(read({ tools: [], text: { format: { type: 'text' } } })).toEqual({
      ...{ parameters: {}, settings: {}, problems: [] },
    });
    expect(toldParameters({}, {})).toMatchObject({
      ...{ tools: [], tool_choice: 'auto', text: { format: { type: 'text' } }, truncation: 'auto' },
    });
  });

  it('asks for the logprobs that are to be included', () => {
    expect(read({ include: ['message.output_text.logprobs'], top_logprobs: 2 }).parameters).toEqual({
      ...{ logprobs: true, top_logprobs: 2 },
    });
  });

  it.each([
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type', /is web_search, and only function/],
    [{ tools: [TOOL, { type: 'mcp', server_label: 'x' }] }, 'tools[1].type', /is mcp/],
    [{ tool_choice: { type: 'file_search' } }, 'tool_choice', /name of a function/],
    [{ prompt: { id: 'p' } }, 'prompt', /OpenAI's platform/],
    [{ text: { format: { type: 'xml' } } }, 'text.format.type', /must be one of/],
    [{ truncation: 'middle' }, 'truncation', /auto or disabled/],
    [{ max_output_tokens: 0 }, 'max_output_tokens', /from 1/],
  ])('tells what can not be done: %j', (fields, field, reason) => {
    const [problem] = read(fields).problems;
    expect(problem).toEqual({ field, reason: expect.stringMatching(reason) });
  });
});
