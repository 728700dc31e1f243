import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { guideTo } from './guide.js';

it.each(['projectionStops', 'lostRecords'] as const)('has the section %s', (section) => {
  const [file, anchor] = guideTo(section).split('#');
  const text = readFileSync(resolve(import.meta.dirname, '../..', file!), 'utf8');
  const anchors = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) =>
    title!.toLowerCase().replaceAll(' ', '-'),
  );
  expect(anchors).toContain(anchor);
});
