import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { DEMO_MODELS } from './demo-models.js';

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** The demo model obeys few of these, but it knows them; whatever else comes is refused, as strict providers do. */
const requestSchema = z.strictObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown().optional() })).min(1),
  stream: z.boolean().optional(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: z.number().int().positive().nullish(),
  max_completion_tokens: z.number().int().positive().nullish(),
  n: z.literal(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().nullish(),
  frequency_penalty: z.number().nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.number().int().nullish(),
  user: z.string().optional(),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().nullish(),
  response_format: z.looseObject({ type: z.string() }).optional(),
  reasoning_effort: z.string().nullish(),
  tools: z.array(z.looseObject({ type: z.string() })).optional(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: z.boolean().optional(),
});
export type DemoRequest = z.infer<typeof requestSchema>;

const textSchema = z.strictObject({
  model: z.string(),
  prompt: z.union([z.string(), z.array(z.string()).min(1)]),
  stream: z.boolean().optional(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: z.number().int().positive().nullish(),
  n: z.literal(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.number().int().nullish(),
  user: z.string().optional(),
});
export type DemoTextRequest = z.infer<typeof textSchema>;

const embeddingsSchema = z.strictObject({
  model: z.string(),
  input: z.union([
    z.string().min(1),
    z.array(z.string()).min(1),
    z.array(z.number().int()).min(1),
    z.array(z.array(z.number().int())).min(1),
  ]),
  encoding_format: z.enum(['float', 'base64']).optional(),
  dimensions: z.number().int().min(1).max(4_096).optional(),
  user: z.string().optional(),
});
export type DemoEmbeddingsRequest = z.infer<typeof embeddingsSchema>;

const MODELS: ReadonlySet<string> = new Set(DEMO_MODELS);

/** An answer in OpenAI's error shape. */
export class DemoRefusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string,
    readonly param: string | null = null,
  ) {
    super(message);
  }

  get body(): string {
    const type = this.status < 500 ? 'invalid_request_error' : 'server_error';
    return JSON.stringify({ error: { message: this.message, type, param: this.param, code: this.code } });
  }
}

/** @throws {DemoRefusal} */
export const validateRequest = (text: string): DemoRequest => valid(requestSchema, text);

/** @throws {DemoRefusal} */
export const validateTextRequest = (text: string): DemoTextRequest => valid(textSchema, text);

/** @throws {DemoRefusal} */
export const validateEmbeddings = (text: string): DemoEmbeddingsRequest => valid(embeddingsSchema, text);

function valid<T extends { readonly model: string }>(schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DemoRefusal(400, 'The body is not JSON.', 'invalid_json');
  }
  const result = schema.safeParse(value);
  if (!result.success) throw wrongField(result.error.issues[0]!);
  if (MODELS.has(result.data.model)) return result.data;
  throw new DemoRefusal(
    404,
    `The model \`${result.data.model}\` does not exist.`,
    'model_not_found',
    'model',
  );
}

function wrongField(issue: z.core.$ZodIssue): DemoRefusal {
  if (issue.code === 'unrecognized_keys') {
    const [field = ''] = issue.keys;
    return new DemoRefusal(
      400,
      `Unrecognized request argument supplied: ${field}`,
      'unknown_parameter',
      field,
    );
  }
  const field = issue.path.join('.');
  return new DemoRefusal(400, `Invalid value for '${field}': ${issue.message}`, 'invalid_value', field);
}

/** @throws {DemoRefusal} 413 */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new DemoRefusal(413, 'The body is too large.', 'body_too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
