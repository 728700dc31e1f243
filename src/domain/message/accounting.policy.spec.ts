import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accountingOf, costText, type Price } from './accounting.policy.js';
import { accountingSchema, type Usage } from './message.events.js';

const PRICE: Price = { input: 0.15, output: 0.6, cached: 0.075 };
const call = { model: 'small', estimate: null, price: PRICE };

const tokens = fc.integer({ min: 0, max: 2_000_000 });
const perMillion = fc.integer({ min: 0, max: 500_000_000 }).map((micros) => micros / 1_000_000);
const price = fc.record({ input: perMillion, output: perMillion, cached: fc.option(perMillion) });

describe('the accounting of an answer', () => {
  it('keeps what the endpoint told of cached and reasoning tokens, and prices them', () => {
    const usage: Usage = {
      ...{ prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 },
      prompt_tokens_details: { cached_tokens: 400, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 300 },
    };
    expect(accountingOf({ ...call, usage })).toEqual({
      ...{ model: 'small', estimated: false, price: PRICE },
      ...{ input_tokens: 1_000, output_tokens: 500, cached_tokens: 400, reasoning_tokens: 300 },
      // 600 x 150 + 400 x 75 + 500 x 600
      cost_nanos: 420_000,
    });
  });

  it('prices cached input like other input where it has no price', () => {
    const usage = { prompt_tokens: 10, completion_tokens: 0, prompt_tokens_details: { cached_tokens: 10 } };
    expect(accountingOf({ ...call, usage, price: { ...PRICE, cached: null } })?.cost_nanos).toBe(1_500);
  });

  it('takes no detail that is no count, and no more cached tokens than were sent', () => {
    for (const cached_tokens of [-1, 0.5, '3', null, {}]) {
      const usage = { prompt_tokens: 1, completion_tokens: 1, prompt_tokens_details: { cached_tokens } };
      expect(accountingOf({ ...call, usage })?.cached_tokens).toBeNull();
    }
    const usage = { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 9 } };
    expect(accountingOf({ ...call, usage })?.cached_tokens).toBe(5);
  });

  it('marks an estimate, and says what it leaves out', () => {
    const estimate = { inputTokens: 7, outputTokens: 3, leftOut: ['image'] };
    expect(accountingOf({ ...call, usage: null, estimate })).toMatchObject({
      ...{ estimated: true, left_out: ['image'], input_tokens: 7, output_tokens: 3 },
      cost_nanos: 7 * 150 + 3 * 600,
    });
    expect(accountingOf({ ...call, usage: null })).toBeNull();
  });

  it('has no cost without a price, which is not a cost of nothing', () => {
    const usage = { prompt_tokens: 1, completion_tokens: 1 };
    expect(accountingOf({ ...call, usage, price: null })?.cost_nanos).toBeNull();
    expect(accountingOf({ ...call, usage, price: { input: 0, output: 0, cached: null } })?.cost_nanos).toBe(
      0,
    );
  });

  it('is a whole number that differs from the exact cost by half of its unit at most, and is a valid event', () => {
    fc.assert(
      fc.property(tokens, tokens, tokens, price, (input, cached, output, each) => {
        const usage = {
          ...{ prompt_tokens: input, completion_tokens: output },
          prompt_tokens_details: { cached_tokens: Math.min(cached, input) },
        };
        const found = accountingOf({ ...call, usage, price: each })!;
        expect(accountingSchema.safeParse(found).success).toBe(true);
        const micros = (value: number) => BigInt(Math.round(value * 1_000_000));
        const hit = BigInt(Math.min(cached, input));
        const picos =
          (BigInt(input) - hit) * micros(each.input) +
          hit * micros(each.cached ?? each.input) +
          BigInt(output) * micros(each.output);
        const off = BigInt(found.cost_nanos!) * 1_000n - picos;
        expect(off <= 500n && off >= -500n).toBe(true);
      }),
    );
  });
});

it('writes a cost exactly', () => {
  expect(costText(0)).toBe('0');
  expect(costText(1)).toBe('0.000000001');
  expect(costText(420_000)).toBe('0.00042');
  expect(costText('12500000000')).toBe('12.5');
  expect(costText(9_223_372_036_854_775_807n)).toBe('9223372036.854775807');
  fc.assert(
    fc.property(fc.maxSafeNat(), (nanos) => {
      const [whole = '', fraction = ''] = costText(nanos).split('.');
      expect(BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))).toBe(BigInt(nanos));
    }),
  );
});
