import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';

const CLI = import.meta.dirname;
/** Cheap to load. Everything else is loaded when a command does its work, by a dynamic import. */
const AT_ONCE = ['commander', 'uuid', 'eventsource-parser'];
/** Which it offers are the names of all events, which their schemas give. */
const ALSO = { 'events.command.ts': ['zod', 'reflect-metadata'] };

const STATIC_IMPORT = /^(?:import|export)\s(?!type\s)(?:[^;]*?\sfrom\s)?\s*'([^']+)';/gm;

/** The packages that a file and its static imports load, each once. */
function packagesOf(file: string, read = new Set<string>()): Set<string> {
  if (read.has(file)) return new Set();
  read.add(file);
  const imported = [...readFileSync(file, 'utf8').matchAll(STATIC_IMPORT)].map(([, name]) => name!);
  const packages = imported.flatMap((name) =>
    name.startsWith('.')
      ? [...packagesOf(resolve(dirname(file), name.replace(/\.js$/, '.ts')), read)]
      : [/^(@[^/]+\/)?[^/]+/.exec(name)![0]],
  );
  return new Set(packages.filter((name) => !name.startsWith('node:')));
}

const commands = [...readFileSync(resolve(CLI, 'commands.ts'), 'utf8').matchAll(/import\('([^']+)'\)/g)].map(
  ([, name]) => resolve(CLI, name!.replace(/\.js$/, '.ts')),
);

it('finds the commands', () => {
  expect(commands.length).toBeGreaterThan(15);
});

it.each([resolve(CLI, 'llmq.main.ts'), ...commands].map((file) => [relative(CLI, file), file]))(
  '%s loads nothing large before it has work to do: a command starts in 150 ms',
  (name, file) => {
    const also = ALSO[name as keyof typeof ALSO] ?? [];
    expect([...packagesOf(file)].filter((each) => ![...AT_ONCE, ...also].includes(each))).toEqual([]);
  },
);
