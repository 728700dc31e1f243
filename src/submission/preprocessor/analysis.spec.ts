import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { analysisSchema } from '../../domain/message/message.events.js';
import { analysedText, analysisOf, type Libraries, loadLibraries } from './analysis.js';

let libraries: Libraries;
const analyse = (content: string) =>
  analysisOf(analysedText({ content, model: null, parameters: {} }), libraries);

describe('the analysis of a text', () => {
  beforeAll(async () => {
    libraries = await loadLibraries();
  });

  it('counts tokens as models do, and words in any script', () => {
    // The counts of OpenAI's tiktoken for o200k_base.
    expect(analyse('hello world')).toMatchObject({ tokens: 2, words: 2 });
    expect(analyse("The server's down, isn't it?")).toMatchObject({ words: 5 });
    expect(analyse('今天天气很好，thank you')).toMatchObject({ words: 8 });
    expect(analyse('<|endoftext|>').tokens).toBeGreaterThan(1);
    expect(analyse('')).toEqual({
      tokens: 0,
      words: 0,
      language: null,
      question: false,
      sentiment: 0,
      score: 0,
    });
  });

  it('tells the language', () => {
    const texts = {
      en: 'The server is down and we need help with it.',
      zh: '服务器挂了，请 check 一下',
      ja: 'サーバーが落ちました。至急対応をお願いします。',
      ko: '서버가 다운되었습니다',
      de: 'Der Server ist nicht erreichbar, bitte helfen Sie mir.',
      fr: 'Le serveur ne répond pas, pouvez-vous nous aider ?',
      es: 'El servidor no responde y no sé qué hacer, por favor.',
      ru: 'Пожалуйста, помогите мне с этой проблемой, сервер не отвечает.',
    };
    for (const [language, text] of Object.entries(texts))
      expect({ text, ...analyse(text) }).toMatchObject({ language });
    for (const text of ['12345', '?!', '😀😀😀', 'hello', 'urgent!!!'])
      expect(analyse(text).language).toBeNull();
  });

  it('tells questions', () => {
    const asking = [
      'Is it up',
      'What is a queue?',
      '为什么服务器挂了',
      '可以吗？',
      'Really?? I doubt it.',
      'ok ?',
      '多少钱',
    ];
    for (const text of asking) expect({ text, ...analyse(text) }).toMatchObject({ question: true });
    const telling = ['It is up.', 'See https://example.com/?a=b for more', '服务器挂了。', 'Is to be done.'];
    for (const text of telling) expect({ text, ...analyse(text) }).toMatchObject({ question: false });
  });

  it('tells the mood', () => {
    for (const text of ['I love this, great work!', '谢谢，非常满意', 'not bad']) {
      expect({ text, ...analyse(text) }.sentiment).toBeGreaterThan(0.2);
    }
    for (const text of ['This is terrible, I hate it', '太差了，我很失望', 'not good', '不好']) {
      expect({ text, ...analyse(text) }.sentiment).toBeLessThan(-0.2);
    }
    expect(analyse('The table has four legs.').sentiment).toBe(0);
  });

  it('tells urgency, from none to nearly certain', () => {
    const rising = [
      'Write a poem about the sea.',
      'Please help, there is a problem.',
      'The server is down, please help!',
      'URGENT: production is down, fix it immediately, we are BLOCKED!!!',
    ].map((text) => analyse(text).score);
    expect(rising).toEqual([...rising].sort((a, b) => a - b));
    expect(rising[0]).toBe(0);
    expect(rising[3]).toBeGreaterThan(0.9);
    expect(analyse('线上系统宕机了，紧急！请马上处理').score).toBeGreaterThan(0.8);
  });

  it('is what events may hold, for any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (text, times) => {
          const found = analyse(text.repeat(times));
          expect(analysisSchema.parse(found)).toEqual(found);
        },
      ),
    );
  });

  it('estimates the counts of a long text from a part of it', () => {
    const sentence = 'The quick brown fox jumps over the lazy dog. ';
    const { tokens, words } = analyse(sentence.repeat(20_000));
    expect(Math.abs(words / (9 * 20_000) - 1)).toBeLessThan(0.02);
    expect(Math.abs(tokens / (10 * 20_000) - 1)).toBeLessThan(0.02);
  });
});
