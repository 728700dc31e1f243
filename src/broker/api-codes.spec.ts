import { describe, expect, it } from '@jest/globals';
import { JetStreamApiError } from '@nats-io/jetstream';
import { isWithoutPeers, isWithoutRoom } from './api-codes.js';

const NO_PEERS = 10005;
const error = (err_code: number, description: string) =>
  new JetStreamApiError({ code: 400, err_code, description });

describe('a cluster that keeps no copy', () => {
  it('has too few servers, or too little room, by the words behind one code', () => {
    const away = error(NO_PEERS, 'no suitable peers for placement, peer offline');
    const full = error(NO_PEERS, 'no suitable peers for placement, insufficient storage');
    expect([isWithoutPeers(away), isWithoutRoom(away)]).toEqual([true, false]);
    expect([isWithoutPeers(full), isWithoutRoom(full)]).toEqual([false, true]);
    const both = error(NO_PEERS, 'no suitable peers for placement, peer offline, insufficient storage');
    expect([isWithoutPeers(both), isWithoutRoom(both)]).toEqual([true, false]);
  });

  it('has too little room by the codes of a single server', () => {
    const full = error(10047, 'insufficient storage resources available');
    expect([isWithoutPeers(full), isWithoutRoom(full)]).toEqual([false, true]);
    expect(isWithoutRoom(new Error('insufficient storage'))).toBe(false);
  });
});
