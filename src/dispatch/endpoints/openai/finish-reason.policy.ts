/** Why a choice ended, in OpenAI's words; `error` where the endpoint failed. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'function_call' | 'content_filter' | 'error';

/** What servers say, in lower case. Only what is known ends a choice: some send a word, or an empty text, with each piece. */
const REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ...of('stop', ['stop', 'eos', 'eos_token', 'end_turn', 'stop_sequence', 'end', 'complete', 'completed']),
  ...of('length', ['length', 'max_tokens', 'max_length', 'max_output_tokens', 'model_length']),
  ...of('tool_calls', ['tool_calls', 'tool_call', 'tool_use']),
  ...of('function_call', ['function_call']),
  ...of('content_filter', ['content_filter', 'content_filtered', 'safety', 'recitation', 'sensitive']),
  ...of('content_filter', ['blocklist', 'prohibited_content', 'spii', 'refusal']),
  ...of('error', ['error', 'failed', 'abort', 'aborted', 'network_error', 'insufficient_system_resource']),
]);

function of(reason: FinishReason, words: readonly string[]): [string, FinishReason][] {
  return words.map((word) => [word, reason]);
}

/** Null for what says nothing of an end. */
export function finishReason(value: unknown): FinishReason | null {
  if (typeof value !== 'string' || value === '') return null;
  return REASONS.get(value) ?? REASONS.get(value.toLowerCase()) ?? null;
}
