import { describe, expect, it } from '@jest/globals';
import { IdempotencyKeyReusedError } from '../../submission/idempotency/idempotency.errors.js';
import { invalidFields, unknownModel } from '../../submission/refused.error.js';
import { describeFailure } from '../http/failure.js';
import { openAiStatus, toOpenAiError } from './openai-error.js';

describe('a failure in the shape of OpenAI', () => {
  it.each([
    [invalidFields([{ field: 'priority', reason: 'must be a priority' }]), 400, 'invalid_fields', 'priority'],
    [unknownModel('none'), 404, 'model_not_found', 'model'],
    [new IdempotencyKeyReusedError(), 422, 'idempotency_key_reused', null],
  ])('has the status and the code that its SDKs expect: %s', (error, status, code, param) => {
    const failure = describeFailure(error);
    expect(openAiStatus(failure)).toBe(status);
    expect(toOpenAiError(failure).error).toMatchObject({ type: 'invalid_request_error', code, param });
  });
});
