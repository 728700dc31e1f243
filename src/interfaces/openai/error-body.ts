import type { FailedAnswer } from './failed-answer.policy.js';
import { openAiErrorType } from './openai-error.js';

/** What a client of OpenAI's reads of a message that failed, as the body of an answer or the last event of a stream. */
export function errorBody(messageId: string, failed: FailedAnswer) {
  const { status, code, queueCode, message, param } = failed;
  const type = failed.type ?? openAiErrorType(status);
  return { error: { message, type, param, code, message_id: messageId, llmq_code: queueCode } };
}
