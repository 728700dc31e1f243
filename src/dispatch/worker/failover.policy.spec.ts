import fc from 'fast-check';
import type { AttemptError, ModelRequest, NotNowReason } from '../../domain/message/message.events.js';
import { plainOffer } from '../endpoints/endpoint.state.js';
import { signOf } from './call-sign.js';
import {
  conclusionOf,
  type FailedCall,
  type FailureKind,
  type FallbackLists,
  kindOf,
  modelsToTry,
  modeOf,
  refusesPrefill,
  triedEndpoints,
} from './failover.policy.js';
import type { CallFailure } from './verdict.policy.js';

const LISTS: FallbackLists = {
  general: ['b', 'c'],
  contextWindow: ['large', 'larger'],
  contentPolicy: ['lenient'],
};

function failure(error: Partial<AttemptError>, more: Partial<CallFailure> = {}): CallFailure {
  return {
    ...{
      kind: 'endpoint',
      endpoint: 'e',
      retryAfterMs: null,
      notNow: null,
      stalled: false,
      remoteCode: null,
    },
    error: { code: 'endpoint_error', message: 'It failed.', retryable: true, status: null, ...error },
    ...more,
  } as CallFailure;
}

const remote = (code: string) => ({ status: 400, code, type: null, param: null });

const RETRYABLE: Readonly<Record<FailureKind, boolean>> = {
  ...{ not_now: true, failed: true, over: true },
  ...{ context_window: false, content_policy: false, rejected: false },
};

function call(model: string, kind: FailureKind, endpoint = 'e'): FailedCall {
  const notNow: NotNowReason | null = kind === 'not_now' ? 'rate_limited' : null;
  const failed = failure({ code: `${kind} of ${model}`, retryable: RETRYABLE[kind] }, { endpoint, notNow });
  return { endpoint, model, kind, failure: failed, error: (failed as { error: AttemptError }).error };
}

describe('kindOf', () => {
  it.each<[CallFailure, FailureKind]>([
    [failure({ status: 429 }, { notNow: 'rate_limited' }), 'not_now'],
    [failure({ status: 500 }), 'failed'],
    [failure({ code: 'first_token_timeout' }, { stalled: true }), 'failed'],
    [failure({ status: 401, retryable: false }), 'failed'],
    [failure({ status: 404, retryable: false }), 'rejected'],
    [failure({ status: 400, retryable: false, remote: remote('context_length_exceeded') }), 'context_window'],
    [
      failure({
        ...{ status: 400, retryable: false },
        message: "This model's maximum context length is 8192 tokens.",
      }),
      'context_window',
    ],
    [failure({ status: 500, message: 'maximum context length' }), 'failed'],
    [
      failure({ status: 400, retryable: false, remote: remote('content_policy_violation') }),
      'content_policy',
    ],
    [failure({ code: 'content_filter', retryable: false }), 'content_policy'],
    [failure({ code: 'answer_too_large', retryable: false }), 'rejected'],
    [failure({ code: 'call_timeout' }), 'over'],
    [{ kind: 'overdue', endpoint: 'e', timeoutMs: 1 }, 'over'],
    [{ kind: 'answer_too_large', endpoint: 'e' }, 'rejected'],
  ])('takes %j for %s', (told, kind) => expect(kindOf(told, false)).toBe(kind));

  it('takes an endpoint that began to answer to have taken the call', () => {
    expect(kindOf(failure({ status: 429 }, { notNow: 'rate_limited' }), true)).toBe('failed');
  });
});

describe('modelsToTry', () => {
  it.each<[string, FailedCall[], string[]]>([
    ['another endpoint of the model, then the others', [call('a', 'failed')], ['a', 'b', 'c']],
    ['the same where it was not taken', [call('a', 'not_now')], ['a', 'b', 'c']],
    ['nothing, where the model refuses for good', [call('a', 'rejected')], []],
    ['larger models, and not this one again', [call('a', 'context_window')], ['large', 'larger']],
    ['more lenient ones', [call('a', 'content_policy')], ['lenient']],
    ['the next, where the one that stands in refuses', [call('a', 'failed'), call('b', 'rejected')], ['c']],
    [
      'the same larger model elsewhere, and then the next',
      [call('a', 'context_window'), call('large', 'failed')],
      ['large', 'larger'],
    ],
    ['nothing, where the time is over', [call('a', 'failed'), call('b', 'over')], []],
    ['nothing before any call', [], []],
  ])('is %s', (_what, calls, models) => expect(modelsToTry('a', LISTS, calls)).toEqual(models));

  it('never names a model that has refused the request, nor one twice', () => {
    const kinds = fc.constantFrom<FailureKind>(
      'not_now',
      'failed',
      'context_window',
      'content_policy',
      'rejected',
    );
    const calls = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'large', 'lenient'), kinds), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(calls, (made) => {
        const failed = made.map(([model, kind]) => call(model, kind));
        const models = modelsToTry('a', LISTS, failed);
        expect(new Set(models).size).toBe(models.length);
        for (const { model, kind } of failed) {
          if (!['not_now', 'failed'].includes(kind)) expect(models).not.toContain(model);
        }
      }),
    );
  });

  it('knows which endpoints were called, for one model or for any', () => {
    const calls = [call('a', 'failed', 'one'), call('b', 'failed', 'two')];
    expect([triedEndpoints(calls), triedEndpoints(calls, 'b')]).toEqual([
      new Set(['one', 'two']),
      new Set(['two']),
    ]);
  });
});

describe('conclusionOf', () => {
  const codeOf = (...calls: FailedCall[]) => {
    const conclusion = conclusionOf('a', calls);
    if (conclusion.kind === 'deferred') return `deferred: ${conclusion.call.error.code}`;
    if (conclusion.failure.kind !== 'endpoint') return conclusion.failure.kind;
    const { code, retryable } = conclusion.failure.error;
    return `${code}, ${retryable ? 'again' : 'for good'}`;
  };

  it.each<[string, FailedCall[]]>([
    ['deferred: not_now of a', [call('a', 'not_now')]],
    ['deferred: not_now of a', [call('a', 'not_now'), call('b', 'not_now')]],
    // The wanted model may take it later, whatever the others say of it.
    ['deferred: not_now of a', [call('a', 'not_now'), call('b', 'rejected')]],
    ['deferred: not_now of large', [call('a', 'context_window'), call('large', 'not_now')]],
    ['not_now of a, again', [call('a', 'not_now'), call('b', 'failed')]],
    ['failed of a, again', [call('a', 'failed'), call('b', 'not_now')]],
    ['failed of a, again', [call('a', 'failed'), call('b', 'rejected')]],
    ['context_window of a, for good', [call('a', 'context_window')]],
    ['context_window of a, again', [call('a', 'context_window'), call('large', 'failed')]],
    ['context_window of a, for good', [call('a', 'context_window'), call('large', 'rejected')]],
    ['content_policy of a, for good', [call('a', 'content_policy')]],
    ['rejected of a, for good', [call('a', 'rejected')]],
    ['not_now of a, for good', [call('a', 'not_now'), call('a', 'rejected', 'f')]],
  ])('is %s', (expected, calls) => expect(codeOf(...calls)).toBe(expected));
});

describe('signOf', () => {
  it('tells the endpoint apart from the request', () => {
    expect(signOf(call('a', 'not_now'))).toEqual({
      ...{ kind: 'not_now', reason: 'rate_limited', retryAfterMs: null },
    });
    expect(signOf(call('a', 'failed'))).toEqual({ kind: 'failed', code: 'failed of a', stalled: false });
    for (const kind of ['rejected', 'context_window', 'content_policy'] as const) {
      expect(signOf(call('a', kind))).toEqual({ kind: 'rejected' });
    }
  });
});

describe('modeOf', () => {
  const request: ModelRequest = { content: 'x', model: 'a', parameters: {} };
  const offer = { ...plainOffer('b'), capabilities: ['prefill'] as const };
  const onward = {
    ...{ begun: true, prefill: 'So far', request, isOtherModel: true, offer },
    failover: 'continue' as const,
  };

  it('goes on behind the text where the endpoint can', () => {
    expect(modeOf(onward)).toBe('continue');
    expect(modeOf({ ...onward, prefill: '' })).toBe('restart');
    expect(modeOf({ ...onward, offer: plainOffer('b') })).toBe('restart');
    expect(modeOf({ ...onward, failover: 'restart' })).toBe('restart');
  });

  it.each([
    { n: 2 },
    { logprobs: true },
    { response_format: { type: 'json_schema' } },
    { tool_choice: 'required' },
    { guided_regex: '.*' },
  ])('begins anew what can not be gone on with: %j', (parameters) =>
    expect(modeOf({ ...onward, request: { ...request, parameters } })).toBe('restart'),
  );

  it('is another call where nobody has a piece yet', () => {
    expect(modeOf({ ...onward, begun: false })).toBe('fallback');
    expect(modeOf({ ...onward, begun: false, isOtherModel: false })).toBe('again');
  });
});

it('takes only a refusal of the request for one of the prefill', () => {
  expect(refusesPrefill(failure({ status: 400, retryable: false }), false)).toBe(true);
  expect(refusesPrefill(failure({ status: 400, retryable: false }), true)).toBe(false);
  expect(refusesPrefill(failure({ status: 429 }, { notNow: 'rate_limited' }), false)).toBe(false);
  for (const status of [401, 429, 500, null]) expect(refusesPrefill(failure({ status }), false)).toBe(false);
});
