import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LANES, type MessageEvent } from '../domain/message/message.events.js';
import { eventName, laneSubject, SHARDS, shardOf, subjectOf } from './subjects.js';

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

  it('let a lane hear of its prioritized messages, and of nothing else', () => {
    for (const lane of LANES) expect(laneSubject(lane)).toBe(`llmq.events.${lane}.prioritized.*`);
  });
});

/** FNV-1a of the name, mod 16. */
const STORED_SHARDS = [14, 12, 11, 5];
