import { createOpenAI } from '@ai-sdk/openai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent, tool as agentTool, OpenAIProvider, Runner } from '@openai/agents';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod';
import { type RunningService, startService } from '../support/service.js';

/** Others' libraries for agents, which ask by the Responses API where nobody tells them otherwise. */
let service: RunningService;
let baseURL: string;

const QUESTION = '[[demo:tool get_weather city=Berlin]] How is it there?';
const place = z.object({ city: z.string() });
const description = 'How the weather is';
const weather = ({ city }: z.infer<typeof place>) => `It rains in ${city}.`;

beforeAll(async () => {
  service = await startService();
  baseURL = `${service.baseUrl}/v1`;
});
afterAll(async () => service?.stop());

describe('the AI SDK', () => {
  const model = () => createOpenAI({ baseURL, apiKey: 'none' })('demo-fast');
  const tools = { get_weather: tool({ description, inputSchema: place, execute: weather }) };
  const calling = () => ({
    ...{ model: model(), prompt: QUESTION, tools, stopWhen: stepCountIs(4), maxRetries: 0 },
  });

  it('generates a text', async () => {
    const { text, usage, warnings } = await generateText({
      model: model(),
      prompt: 'A lane?',
      maxRetries: 0,
    });
    expect(text).toContain('A lane?');
    expect(usage.outputTokens).toBeGreaterThan(0);
    expect(warnings).toEqual([]);
  });

  it('streams a text', async () => {
    const result = streamText({ model: model(), prompt: 'A turn?', maxRetries: 0 });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.join('')).toContain('A turn?');
    expect(await result.finishReason).toBe('stop');
  });

  it('calls a tool and is told what it said, from step to step', async () => {
    const { text, steps } = await generateText(calling());
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(steps[0]!.toolResults).toMatchObject([
      { input: { city: 'Berlin' }, output: 'It rains in Berlin.' },
    ]);
    expect(text).toContain('It rains in Berlin.');
  });

  it('does so streamed, and where nothing is stored', async () => {
    const streamed = streamText(calling());
    expect(await streamed.text).toContain('It rains in Berlin.');
    expect(await streamed.steps).toHaveLength(2);
    const unstored = await generateText({ ...calling(), providerOptions: { openai: { store: false } } });
    expect(unstored.text).toContain('It rains in Berlin.');
  });
});

describe('@openai/agents', () => {
  const runner = () => {
    const openAIClient = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
    return new Runner({ modelProvider: new OpenAIProvider({ openAIClient }), tracingDisabled: true });
  };
  const agent = () =>
    new Agent({
      ...{ name: 'forecaster', instructions: 'Be short.', model: 'demo-fast' },
      tools: [agentTool({ name: 'get_weather', description, parameters: place, execute: weather })],
    });

  it('runs an agent with a tool', async () => {
    const { finalOutput } = await runner().run(agent(), QUESTION);
    expect(finalOutput).toContain('It rains in Berlin.');
  });

  it('runs it streamed, in a conversation', async () => {
    const { id } = await new OpenAI({ baseURL, apiKey: 'none' }).conversations.create();
    const run = await runner().run(agent(), QUESTION, { stream: true, conversationId: id });
    let text = '';
    for await (const event of run) {
      if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') {
        text += event.data.delta;
      }
    }
    await run.completed;
    expect(text).toContain('It rains in Berlin.');
    expect(run.finalOutput).toBe(text);
    const next = await runner().run(agent(), 'And tomorrow?', { conversationId: id });
    expect(next.finalOutput).toContain('And tomorrow?');
  });
});
