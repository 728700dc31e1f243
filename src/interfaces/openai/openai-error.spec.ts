import { describe, expect, it } from '@jest/globals';
import { invalidFields, RefusedError, unknownModel } from '../../submission/refusal.js';
import { openAiStatus, toOpenAiError } from './openai-error.js';

const keyReused = new RefusedError({ code: 'idempotency_key_reused', message: 'used before' });

describe('a failure in the shape of OpenAI', () => {
  it.each([
    [invalidFields([{ field: 'priority', reason: 'must be a priority' }]), 400, 'invalid_fields', 'priority'],
    [unknownModel('none'), 404, 'model_not_found', 'model'],
    [keyReused, 422, 'idempotency_key_reused', null],
  ])('has the status and the code that its SDKs expect: %s', (error, status, code, param) => {
    expect(openAiStatus(error.refusal)).toBe(status);
    expect(toOpenAiError(error.refusal).error).toMatchObject({ type: 'invalid_request_error', code, param });
  });
});
