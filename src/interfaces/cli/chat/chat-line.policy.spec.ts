import { describe, expect, it } from '@jest/globals';
import { chatLine, joinedLines } from './chat-line.policy.js';

describe('a line of a chat', () => {
  it('is said, unless it begins with a slash', () => {
    expect(chatLine(' What is one? ')).toEqual({ kind: 'say', text: 'What is one?' });
    expect(chatLine('//etc/hosts')).toEqual({ kind: 'say', text: '/etc/hosts' });
    expect(chatLine('  ')).toEqual({ kind: 'nothing' });
    expect(['/new', '/exit', '/quit', '/help', '/model'].map((line) => chatLine(line).kind)).toEqual([
      ...['new', 'exit', 'exit', 'help', 'help'],
    ]);
    expect(chatLine('/model  fast')).toEqual({ kind: 'model', model: 'fast' });
    expect(chatLine('/what')).toEqual({ kind: 'unknown', word: '/what' });
  });

  it('goes on behind a backslash', () => {
    expect(joinedLines(['one \\'])).toBeNull();
    expect(joinedLines(['one \\', 'two'])).toBe('one \ntwo');
    expect(joinedLines(['one'])).toBe('one');
  });
});
