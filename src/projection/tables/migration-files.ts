import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { MigrationInterface } from 'typeorm';

type MigrationClass = new () => MigrationInterface;

/** The nearest `migrations` folder upwards: the same one from `src/projection` and from `dist/projection`. */
function migrationsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'migrations'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`No folder "migrations" above ${import.meta.url}`);
    folder = parent;
  }
  return join(folder, 'migrations');
}

/**
 * The classes of `migrations/*.js`. They are imported here and not by TypeORM's own loader, whose dynamic import is
 * made in a way that does not work inside jest.
 */
export async function loadMigrations(): Promise<MigrationClass[]> {
  const folder = migrationsFolder();
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .sort();
  const modules = await Promise.all(files.map((name) => import(pathToFileURL(join(folder, name)).href)));
  return modules.flatMap((module) => Object.values(module) as MigrationClass[]);
}
