import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { configSchema } from '../../src/platform/config/config.schema.js';
import { EXAMPLE_ENTRIES, exampleFile } from '../../src/platform/config/example-file.js';
import { defaultOf, withConfigurationTable } from '../../src/platform/config/reference.js';
import { SETTINGS } from '../../src/platform/config/settings.js';
import { headingAnchors } from '../support/headings.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const READMES = ['README.md', 'README.zh-CN.md'];
/** English, and the same in Chinese. */
const TRANSLATED = ['docs/configuration', 'docs/deployment'].map((path) => [
  `${path}.md`,
  `${path}.zh-CN.md`,
]);
const DOCUMENTS = [...READMES, 'CONTRIBUTING.md', 'CHANGELOG.md', ...filesUnder('docs', '.md')];
/** Of each README: a front page, beyond which a reader is sent on. */
const FRONT_PAGE_BYTES = 9_000;

function read(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}

/** What is between fences, with the language's name in the first line. */
function codeBlocks(text: string): string[] {
  return text.split(/^ *```/m).filter((_, index) => index % 2 === 1);
}

/** What is written as `code` in the running text, wherever its lines are broken. */
function codeSpans(text: string): string[] {
  const prose = text.split(/^ *```/m).filter((_, index) => index % 2 === 0);
  return prose.flatMap((part) => all(part, /`([^`]+)`/g)).map((span) => span.replace(/\s+/g, ' '));
}

/** In the running text; limits, ports and versions are the same in each language. */
function numbersIn(text: string): string[] {
  const prose = text.split(/^ *```/m).filter((_, index) => index % 2 === 0);
  return prose.flatMap((part) => all(part.replace(/\]\([^)]*\)/g, ']'), /(\d[\d,.]*\d|\d)/g));
}

function filesUnder(folder: string, ending: string): string[] {
  return readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith(ending) && statSync(join(PROJECT, path)).isFile());
}

describe('the configuration in documents', () => {
  it('docs/configuration.md has the table of the schema (npm run config:reference)', () => {
    const text = read('docs/configuration.md');
    expect(text).toBe(withConfigurationTable(text));
  });

  it.each(READMES)('%s shows ten settings with their defaults, and they exist', (path) => {
    const rows = [...read(path).matchAll(/^\| `([a-z_.]+)` \| `(.*?)` \| /gm)];
    const shown = rows.map(([, key, value]) => [key, value]);
    const actual = SETTINGS.map((setting) => [setting.path.join('.'), JSON.stringify(defaultOf(setting))]);
    expect(shown).toHaveLength(10);
    expect(actual).toEqual(expect.arrayContaining(shown));
  });

  it('config.example.yaml is the schema with its defaults', () => {
    expect(read('config.example.yaml')).toBe(exampleFile());
    expect(parse(exampleFile())).toEqual(configSchema.parse({}));
  });

  it('entries of lists are examples that would be accepted', () => {
    expect(() =>
      configSchema.parse({
        endpoints: EXAMPLE_ENTRIES['endpoints'],
        security: { api_keys: EXAMPLE_ENTRIES['security.api_keys'] },
      }),
    ).not.toThrow();
  });

  it.each(READMES)('%s shows a configuration that would be accepted', (path) => {
    const blocks = codeBlocks(read(path)).filter((block) => block.startsWith('yaml\n'));
    const examples = blocks.map((block) => block.slice('yaml\n'.length));
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(() => configSchema.parse(parse(example))).not.toThrow();
  });

  it('docker-compose.yml sets variables of the service that exist', () => {
    const compose = parse(read('docker-compose.yml')) as {
      services: { llmq: { environment: Record<string, string> } };
    };
    const ofOthers = ['OPENAI_API_KEY', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
    const known = new Set([...SETTINGS.map(({ env }) => env), ...ofOthers]);
    expect(Object.keys(compose.services.llmq.environment).filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('what documents point to', () => {
  it('the commands of package.json start files that are there', () => {
    const commands = Object.values(JSON.parse(read('package.json')).scripts as Record<string, string>).join(
      '\n',
    );
    const built = all(commands, /\bdist\/([\w./-]+)\.js\b/g).map((path) => `src/${path}.ts`);
    const plain = all(commands, /\b((?:scripts|bench)\/[\w./-]+)/g);
    expect([...built, ...plain].filter((path) => !existsSync(join(PROJECT, path)))).toEqual([]);
  });

  it.each(DOCUMENTS)('%s names commands, files and tests that are there', (path) => {
    const text = read(path);
    const scripts = Object.keys(JSON.parse(read('package.json')).scripts as object);
    const commands = all(text, /npm run ([a-z:-]+)/g);
    expect(commands.filter((name) => !scripts.includes(name))).toEqual([]);
    const links = all(text, /\]\((?!https?:)([^)#]+)[^)]*\)/g);
    expect(links.filter((link) => !existsSync(join(PROJECT, dirname(path), link)))).toEqual([]);
    const anchors = [...text.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)].map(([, to, anchor]) => ({
      document: to === '' ? path : join(dirname(path), to!),
      anchor,
    }));
    expect(
      anchors.filter(({ document, anchor }) => !headingAnchors(join(PROJECT, document)).includes(anchor!)),
    ).toEqual([]);
    const files = all(text, /`((?:src|test|deploy|docs|migrations|bench|scripts)\/[\w./-]+)`/g);
    expect(files.filter((file) => !existsSync(join(PROJECT, file)))).toEqual([]);
  });
});

describe('the two READMEs', () => {
  it.each(READMES)('%s is a front page', (path) => {
    expect(statSync(join(PROJECT, path)).size).toBeLessThanOrEqual(FRONT_PAGE_BYTES);
  });

  it.each(READMES)('%s links a test for each promise, and the page with all of them', (path) => {
    const text = read(path);
    const promises = text.split('\n').filter((line) => /^\| \*\*/.test(line));
    const explained = all(read('docs/promises.md'), /^## (\d)\. /gm);
    expect(promises).toHaveLength(explained.length);
    for (const promise of promises) expect(promise).toMatch(/\]\((src|test)\/[^)]+\.(spec|test)\.ts\) \|$/);
    expect(text).toContain('](docs/promises.md)');
  });

  it('docs/promises.md names the tests that the READMEs link', () => {
    const linked = READMES.flatMap((path) => all(read(path), /\]\(([^)]+\.(?:spec|test)\.ts)\)/g));
    const named = codeSpans(read('docs/promises.md'));
    expect(linked.filter((test) => !named.includes(test))).toEqual([]);
  });
});

describe.each([READMES, ...TRANSLATED])('%s and %s', (...pair) => {
  // What is generated is in English alone.
  const texts = pair.map((path) =>
    read(path).replace(/^<!-- configuration:start.*configuration:end -->$/ms, ''),
  );

  it('show the same commands and code', () => {
    const [english, chinese] = texts.map((text) =>
      codeBlocks(text).filter((block) => !block.startsWith('mermaid')),
    );
    expect(chinese).toEqual(english);
  });

  it('have the same sections, tables and named things', () => {
    const [english, chinese] = texts.map((text) => ({
      headings: all(text, /^(#+) /gm),
      rows: text.split('\n').filter((line) => line.startsWith('|')).length,
      items: text.split('\n').filter((line) => /^\s*(?:-|\d\.) /.test(line)).length,
      numbers: numbersIn(text).sort(),
      named: [...new Set(codeSpans(text))].filter((name) => /[a-z]/.test(name)),
    }));
    expect(chinese!.headings).toEqual(english!.headings);
    expect(chinese!.numbers).toEqual(english!.numbers);
    expect([chinese!.rows, chinese!.items]).toEqual([english!.rows, english!.items]);
    const missing = english!.named.filter((name) => !chinese!.named.includes(name));
    expect(missing).toEqual([]);
  });

  it('link to the same places', () => {
    const [english, chinese] = texts.map((text) =>
      all(text, /\]\(([^#)][^)]*)\)/g).map((to) => to.replace('.zh-CN', '')),
    );
    expect(english!.filter((to) => !chinese!.includes(to))).toEqual([]);
  });

  it('lead to each other', () => {
    const names = pair.map((path) => path.split('/').at(-1)!);
    expect(texts[0]).toContain(`[中文](${names[1]})`);
    expect(texts[1]).toContain(`[English](${names[0]})`);
  });
});

describe('docs/performance.md', () => {
  const text = read('docs/performance.md');
  const benches = all(
    /BENCHES[^{]*\{(.*?)\n\};/s.exec(read('bench/main.ts'))![1]!,
    /^ {2}'?([a-z-]+)'?: bench/gm,
  );
  const commanded = all(text, /npm run bench ([a-z -]+?)\s*[`#\n]/g)
    .flatMap((names) => names.split(' '))
    .filter((name) => name !== '');

  it('has a command for each benchmark, and no other', () => {
    expect(benches.length).toBeGreaterThan(10);
    expect([...new Set(commanded)].sort()).toEqual([...benches].sort());
  });

  it('has the command with each figure', () => {
    const rows = text.split('\n').filter((line) => / (at most|at least|below|less than) .* \|/.test(line));
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => !row.includes('`npm run bench '))).toEqual([]);
  });
});

describe('the dependencies', () => {
  it('are all in the table of docs/architecture.md, and no other', () => {
    const section = read('docs/architecture.md')
      .split(/^## /m)
      .find((part) => part.startsWith('Dependencies\n'))!;
    const listed = section
      .split('\n')
      .filter((line) => /^\| `/.test(line))
      .flatMap((line) => all(line.split('|')[1]!, /`([^`]+)`/g));
    const installed = Object.keys(JSON.parse(read('package.json')).dependencies as object);
    expect(listed.sort()).toEqual(installed.sort());
    expect(importedPackages().filter((name) => !listed.includes(name))).toEqual([]);
  });
});

/** As GitHub makes them from the headings of a document. */
function importedPackages(): string[] {
  const sources = filesUnder('src', '.ts').filter((path) => !path.endsWith('.spec.ts'));
  const specifiers = sources.flatMap((path) => [
    ...all(read(path), /^(?:import|(?:import|export|\}) .*?from) '([^'.][^']*)';$/gm),
    ...all(read(path), /\bimport\('([^'.][^']*)'\)/g),
  ]);
  const names = specifiers
    .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name))
    .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
  return [...new Set(names)];
}
