import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const SRC = resolve(import.meta.dirname, '..');

/** Who needs a point in time, asks for it here, and has no `Sources` at hand. */
const MAY_ASK_THE_WALL_CLOCK = [
  'demo-model/demo-server.ts',
  // What is shared with other machines, which have no clock in common but this one.
  'dispatch/endpoints/limits/nats/endpoint-account.ts',
  // A date that an endpoint sent.
  'dispatch/endpoints/openai/openai-endpoint.ts',
  'platform/clock.ts',
];

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /(?<!\.spec)\.ts$/.test(entry.name) ? [path] : [];
  });
}

it('is asked by everybody: a clock that is set measures no duration', () => {
  const asking = sources(SRC).filter((path) => readFileSync(path, 'utf8').includes('Date.now'));
  expect(asking.map((path) => relative(SRC, path)).sort()).toEqual(MAY_ASK_THE_WALL_CLOCK);
});
