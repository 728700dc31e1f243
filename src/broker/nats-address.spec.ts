import { describe, expect, it } from '@jest/globals';
import { NatsError } from './broker.errors.js';
import { parseNatsAddress } from './nats-address.js';
import { isAtLeast } from './server-requirements.js';

const parse = (url: string, user = '', password = '') => parseNatsAddress({ url, user, password });

describe('the address of NATS', () => {
  it('is one server or several, with or without a port', () => {
    expect(parse('nats://a:4333').servers).toEqual(['a:4333']);
    expect(parse(' nats://a , b:1,nats://[::1]:2 ').servers).toEqual(['a:4222', 'b:1', '[::1]:2']);
    expect(parse('127.0.0.1:4222')).toMatchObject({ servers: ['127.0.0.1:4222'], tls: false });
    expect(parse('tls://a').tls).toBe(true);
  });

  it('may hold the login, which the configuration overrides', () => {
    expect(parse('nats://me:p%40ss@a')).toMatchObject({ user: 'me', password: 'p@ss' });
    expect(parse('nats://t0ken@a')).toMatchObject({ user: '', password: 't0ken' });
    expect(parse('nats://me:old@a', 'you', 'new')).toMatchObject({ user: 'you', password: 'new' });
  });

  it('is refused with the key and the fix, and without what may be a password', () => {
    for (const url of ['', ' , ', 'http://a', 'nats://', 'nats://me:secret@a:99999', 'a b']) {
      expect(() => parse(url)).toThrow(NatsError);
      expect(() => parse(url)).toThrow('NATS_URL');
      expect(() => parse(url)).not.toThrow('secret');
    }
  });
});

describe('the version of the server', () => {
  it('is compared by numbers, and an unreadable one is too old', () => {
    expect(
      ['2.14.7', '2.14.10', '2.15.1', '3.0.0', '2.15.0-RC.1', 'v2.14.7'].map((it) => isAtLeast(it, '2.14.7')),
    ).toEqual(Array.from({ length: 6 }, () => true));
    expect(['2.14.6', '2.9.99', '1.99.99', '', 'dev'].map((it) => isAtLeast(it, '2.14.7'))).toEqual(
      Array.from({ length: 5 }, () => false),
    );
  });
});
