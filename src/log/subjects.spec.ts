import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LANES } from '../domain/message/lane.policy.js';
import type { MessageEvent } from '../domain/message/message.events.js';
import {
  eventName,
  routeIn,
  routeOf,
  routeSubject,
  SHARDS,
  shardOf,
  subjectOf,
  unroutedSubject,
} from './subjects.js';

describe('the subjects of events', () => {
  it('put every tenant into one of the shards, whatever its name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (tenant) => {
        expect(Number.isInteger(shardOf(tenant))).toBe(true);
        expect(shardOf(tenant)).toBeGreaterThanOrEqual(0);
        expect(shardOf(tenant)).toBeLessThan(SHARDS);
      }),
    );
  });

  it('never move a tenant to another shard: these are in stored subjects', () => {
    expect(['default', 'a', 'tenant-1', ''].map(shardOf)).toEqual(STORED_SHARDS);
  });

  it('use every shard', () => {
    const shards = new Set(Array.from({ length: 1_000 }, (_, index) => shardOf(`tenant-${index}`)));
    expect(shards.size).toBe(SHARDS);
  });

  it('name lane, event and shard', () => {
    const event = { type: 'llmq.message.attempt-failed.v1', lane: 'high', tenant: 'default' };
    expect(subjectOf(event as MessageEvent)).toBe(`llmq.events.high.attempt-failed.${shardOf('default')}`);
    expect(eventName('llmq.message.dead-lettered.v1')).toBe('dead-lettered');
  });

  it('name the route of what waits, which its lane and route hear of', () => {
    const event = { type: 'llmq.message.prioritized.v1', lane: 'low', tenant: 'a', data: { model: 'm' } };
    for (const [model, route] of [
      ['m', routeOf('m')],
      [null, 'default'],
      [undefined, 'default'],
    ] as const) {
      const subject = subjectOf({ ...event, data: { model } } as MessageEvent);
      expect(subject).toBe(`llmq.events.low.prioritized.${route}.12`);
      expect(routeSubject('low', route)).toBe(subject.replace(/12$/, '*'));
      expect(routeIn(subject)).toEqual({ lane: 'low', route });
    }
  });

  it('tell the route of nothing else, not of what an earlier version stored', () => {
    for (const lane of LANES) expect(routeIn(unroutedSubject(lane))).toBeNull();
    expect(routeIn('llmq.events.high.completed.3')).toBeNull();
  });
});

describe('the route of a model', () => {
  it('never changes: it is in stored subjects', () => {
    expect(['gpt-4o', 'meta-llama/Llama-3.1-70B-Instruct', 'qwen3:8b', ''].map(routeOf)).toEqual(
      STORED_ROUTES,
    );
  });

  it('is one short token of a subject, and no two models share it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (one, other) => {
        expect(routeOf(one)).toMatch(/^[a-z0-9_-]{0,24}-[0-9a-f]{8}$/);
        expect(routeOf(one)).not.toBe('default');
        if (one !== other) expect(routeOf(one)).not.toBe(routeOf(other));
      }),
    );
  });
});

/** FNV-1a of the name, mod 16. */
const STORED_SHARDS = [14, 12, 11, 5];

/** The name in lower case, what can't be in a subject replaced, and FNV-1a of the name as it is. */
const STORED_ROUTES = [
  'gpt-4o-15df15cc',
  'meta-llama-llama-3-1-70b-16a6ccc2',
  'qwen3-8b-ba9b81c5',
  '-811c9dc5',
];
