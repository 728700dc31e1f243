import { z } from 'zod';

const price = z.number().nonnegative();

/** A model at an endpoint: what clients ask for, and what the endpoint calls it. */
export const registeredModelSchema = z.object({
  name: z.string(),
  upstream: z.string(),
  context_tokens: z.number().nullable(),
  max_output_tokens: z.number().nullable(),
  capabilities: z.array(z.enum(['vision', 'tools', 'json', 'prefill', 'reasoning_input', 'system_anywhere'])),
  /** Per million tokens. */
  price: z.object({ input: price, output: price, cached: price.nullable() }).nullable(),
});
export type RegisteredModel = z.infer<typeof registeredModelSchema>;

/** An endpoint that an admin registered, as a whole. Its key is not in it: only the name of the variable that holds it. */
export const registeredEndpointSchema = z.object({
  name: z.string(),
  base_url: z.string(),
  models: z.array(registeredModelSchema),
  /** Over all workers. */
  max_concurrency: z.number(),
  weight: z.number().positive(),
  group: z.enum(['primary', 'backup']),
  rpm: z.number().nullable(),
  tpm: z.number().nullable(),
  first_token_timeout_ms: z.number().nullable(),
  idle_timeout_ms: z.number().nullable(),
  /** Absent for chat completions, as in events from before there was another. */
  api: z.enum(['chat_completions', 'responses']).optional(),
  stream: z.enum(['auto', 'never']),
  include_usage: z.enum(['auto', 'never']),
  /** None that carries a secret. */
  headers: z.record(z.string(), z.string()),
  api_key_env: z.string().nullable(),
});
export type RegisteredEndpoint = z.infer<typeof registeredEndpointSchema>;

/** What may change at run time of an endpoint that the configuration file names. Absent: as the file says. */
export const endpointTuningSchema = z.object({
  max_concurrency: z.number().optional(),
  weight: z.number().positive().optional(),
  rpm: z.number().optional(),
  tpm: z.number().optional(),
});
export type EndpointTuning = z.infer<typeof endpointTuningSchema>;
