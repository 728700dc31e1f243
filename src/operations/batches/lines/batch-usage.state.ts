import type { MessageCompleted } from '../../../domain/message/message.events.js';
import type { BatchUsage } from '../batch.state.js';

export const NO_USAGE: BatchUsage = {
  ...{ input_tokens: 0, input_tokens_details: { cached_tokens: 0 } },
  ...{ output_tokens: 0, output_tokens_details: { reasoning_tokens: 0 } },
  total_tokens: 0,
};

/** With what one answer used: as it was counted when it came, else as its endpoint told it. */
export function withUsageOf(sum: BatchUsage, { accounting, usage }: MessageCompleted['data']): BatchUsage {
  const input = accounting?.input_tokens ?? usage?.prompt_tokens ?? 0;
  const output = accounting?.output_tokens ?? usage?.completion_tokens ?? 0;
  const { cached_tokens: cached } = sum.input_tokens_details;
  const { reasoning_tokens: reasoning } = sum.output_tokens_details;
  return {
    input_tokens: sum.input_tokens + input,
    input_tokens_details: { cached_tokens: cached + (accounting?.cached_tokens ?? 0) },
    output_tokens: sum.output_tokens + output,
    output_tokens_details: { reasoning_tokens: reasoning + (accounting?.reasoning_tokens ?? 0) },
    total_tokens: sum.total_tokens + input + output,
  };
}
