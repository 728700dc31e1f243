import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as state from './batch.state.js';

const NEW: state.Batch = {
  ...{ id: 'batch_1', tenant: 'default', seed: '019b0000-0000-7000-8000-000000000000' },
  caller: { name: 'local', role: 'client' },
  ...{ endpoint: '/v1/chat/completions', inputFileId: 'file-1', completionWindow: '24h' },
  ...{ metadata: null, outputExpiresAfterS: null, status: 'validating', ending: null },
  ...{ createdAtMs: 0, expiresAtMs: 100, times: {}, model: null },
  ...{
    total: 0,
    lastLine: 0,
    completed: 0,
    failed: 0,
    mark: state.NO_LINES,
    refused: [],
    errors: [],
    usage: null,
  },
  ...{ outputFileId: null, errorFileId: null, webhook: null },
};
const ENDED = state.failed(NEW, [], 1);
const WEBHOOK: state.BatchWebhook = {
  ...{ id: 'w', callback: { url: 'https://x.example', named_by: 'configuration' }, trace: {}, round: 1 },
  ...{ tries: 0, nextAtMs: 0, outcome: 'waiting', lastTriedAtMs: null, reason: null, httpStatus: null },
};
const TRIED = {
  ...{ round: 1, tries: 1, nextAtMs: 5, outcome: 'waiting' as const },
  ...{ lastTriedAtMs: 4, reason: 'bad_status', httpStatus: 500 },
};
const DELIVERED = {
  ...{ round: 1, tries: 2, nextAtMs: 5, outcome: 'delivered' as const },
  ...{ lastTriedAtMs: 6, reason: null, httpStatus: 204 },
};
const RESULTS = { completed: 2, failed: 1, usage: null, outputFileId: 'file-o', errorFileId: null };

describe('a batch', () => {
  it('is validated, carried out, and has its results', () => {
    const begun = state.begun(NEW, { total: 3, lastLine: 3, model: 'm' }, 1);
    const finalizing = state.finalizing(begun, 'completed', 2);
    const ended = state.ended(finalizing, RESULTS, 3);
    expect([NEW, begun, finalizing, ended].map((each) => state.nextStep(each, 4))).toEqual([
      ...['validate', 'carry_out', 'write_results', 'nothing'],
    ]);
    expect(ended).toMatchObject({ status: 'completed', total: 3, ...RESULTS });
    expect(ended.times).toEqual({ in_progress: 1, finalizing: 2, completed: 3 });
  });

  it('is wound down when its time is over, and when it is cancelled', () => {
    const begun = state.begun(NEW, { total: 3, lastLine: 3, model: null }, 1);
    expect(state.nextStep(begun, 100)).toBe('wind_down');
    const cancelled = state.cancelling(begun, 2)!;
    expect(state.nextStep(cancelled, 3)).toBe('wind_down');
    expect(state.ended(cancelled, RESULTS, 4).status).toBe('cancelled');
    expect(state.ended(state.finalizing(begun, 'expired', 5), RESULTS, 6).status).toBe('expired');
  });

  it('has ended as soon as it is cancelled, where nothing of it was submitted', () => {
    const cancelled = state.cancelling(NEW, 2)!;
    expect(cancelled).toMatchObject({ status: 'cancelled', times: { cancelling: 2, cancelled: 2 } });
    expect(state.begun(cancelled, { total: 3, lastLine: 3, model: null }, 3)).toBe(cancelled);
    expect(state.nextStep(cancelled, 3)).toBe('nothing');
    expect(state.cancelling(cancelled, 4)).toBeNull();
  });

  it('has a webhook that is told once', () => {
    const tried = state.told({ ...ENDED, webhook: WEBHOOK }, TRIED);
    expect(state.isToTell(tried)).toBe(true);
    const delivered = state.told(tried, DELIVERED);
    expect(delivered.webhook).toEqual({ ...WEBHOOK, ...DELIVERED });
    expect(state.isToTell(delivered)).toBe(false);
    expect(state.told(delivered, { ...TRIED, tries: 3, outcome: 'failed' })).toBe(delivered);
    expect(state.told(NEW, DELIVERED)).toBe(NEW);
  });

  it('has nobody told before it has ended', () => {
    expect(state.isToTell({ ...NEW, webhook: WEBHOOK })).toBe(false);
    expect(state.isToTell(ENDED)).toBe(false);
  });

  it('has it told once more in another round, with all its tries, whatever became of the one before', () => {
    for (const before of [TRIED, DELIVERED, { ...TRIED, outcome: 'failed' as const }]) {
      const again = state.toldAgain({ ...ENDED, webhook: { ...WEBHOOK, ...before } }, 9);
      expect(again.webhook).toEqual({ ...WEBHOOK, round: 2, nextAtMs: 9 });
      // A try of the round before that ends now says nothing of this one.
      expect(state.told(again, DELIVERED)).toBe(again);
      expect(state.told(again, { ...DELIVERED, round: 2 }).webhook).toMatchObject({ outcome: 'delivered' });
    }
    expect(state.toldAgain(ENDED, 9)).toBe(ENDED);
  });

  it('is read as an earlier version has written its webhook', () => {
    const { id, callback, tries, nextAtMs, outcome } = WEBHOOK;
    const earlier = { ...ENDED, webhook: { id, callback, tries, nextAtMs, outcome } };
    expect(state.batchSchema.parse(earlier).webhook).toEqual(WEBHOOK);
  });

  it('never leaves its end, and tells each status once, whatever comes in whatever order', () => {
    const change = fc.constantFrom<(batch: state.Batch, nowMs: number) => state.Batch>(
      (batch, nowMs) => state.begun(batch, { total: 3, lastLine: 3, model: null }, nowMs),
      (batch, nowMs) => state.failed(batch, [], nowMs),
      (batch, nowMs) => state.cancelling(batch, nowMs) ?? batch,
      (batch, nowMs) => state.finalizing(batch, 'completed', nowMs),
      (batch, nowMs) => state.finalizing(batch, 'expired', nowMs),
      (batch, nowMs) => state.ended(batch, RESULTS, nowMs),
      (batch) =>
        state.progressed(batch, { ...RESULTS, mark: { line: 1, completed: 1, failed: 0 }, refused: [] }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        let batch = NEW;
        for (const [nowMs, apply] of changes.entries()) {
          const before = batch;
          batch = apply(batch, nowMs);
          if (state.hasEnded(before)) expect(batch).toBe(before);
          expect({ ...batch.times, ...before.times }).toEqual(batch.times);
          expect(batch.mark.line).toBeGreaterThanOrEqual(before.mark.line);
          expect(() => state.batchSchema.parse(batch)).not.toThrow();
        }
        // A batch that was cancelled ends as cancelled.
        if (batch.times.cancelling !== undefined && state.hasEnded(batch))
          expect(batch.status).toBe('cancelled');
      }),
    );
  });
});

describe('the results of a batch', () => {
  const begun = state.begun(NEW, { total: 3, lastLine: 3, model: null }, 1);
  const progress = (completed: number, failed: number) => ({
    ...{ completed, failed, mark: { line: 1, completed: 1, failed: 0 }, refused: [] },
  });

  it('are files of their own as soon as a line of theirs has ended', () => {
    const output = state.resultFileId(NEW, 'output');
    const error = state.resultFileId(NEW, 'error');
    expect(state.resultFiles(begun)).toEqual({ output: null, error: null });
    const one = state.progressed(begun, progress(1, 0));
    expect(state.resultFiles(one)).toEqual({ output, error: null });
    const both = state.cancelling(state.progressed(one, progress(1, 1)), 2)!;
    expect(state.resultFiles(both)).toEqual({ output, error });
    const ended = state.ended(both, { ...RESULTS, outputFileId: output }, 3);
    expect(state.resultFiles(ended)).toEqual({ output, error: null });
  });

  it('do not get fewer when another process takes the batch over', () => {
    const before = state.progressed(begun, progress(2, 1));
    expect(state.progressed(before, progress(1, 0))).toMatchObject({ completed: 2, failed: 1 });
  });
});
