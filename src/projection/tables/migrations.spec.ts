import { readdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const FOLDER = resolve(import.meta.dirname, '../../../migrations');

describe('the migrations', () => {
  it('have a number each, which their class names too: it is what they run in the order of', async () => {
    const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.js')).sort();
    const numbers = files.map((file) => file.split('-', 1)[0]!);
    expect([...new Set(numbers)]).toEqual(numbers);
    for (const [at, file] of files.entries()) {
      const source = await readFile(resolve(FOLDER, file), 'utf8');
      expect(source).toMatch(new RegExp(`^export class [A-Za-z]+${numbers[at]} `, 'm'));
    }
  });
});
