import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');
/** In `dist`, which the next build empties. */
export const API_DESCRIPTION = join(PROJECT, 'dist/openapi.json');

export interface MediaTypes {
  readonly content?: Readonly<Record<string, { readonly schema?: unknown }>>;
}

export interface DescribedOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly requestBody?: MediaTypes;
  readonly responses: Readonly<Record<string, MediaTypes>>;
}

export interface ApiDescription {
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
}

/** The OpenAPI description of the built service. It is made by whoever needs it first. */
export function apiDescription(): ApiDescription {
  if (!existsSync(API_DESCRIPTION)) {
    const script = join(PROJECT, 'dist/app/openapi.main.js');
    const maxBuffer = 64 * 1024 * 1024;
    const json = execFileSync(process.execPath, [script], { cwd: PROJECT, encoding: 'utf8', maxBuffer });
    const made = `${API_DESCRIPTION}.${process.pid}`;
    writeFileSync(made, json);
    renameSync(made, API_DESCRIPTION);
  }
  return JSON.parse(readFileSync(API_DESCRIPTION, 'utf8'));
}

/** Every operation, as `post /api/v1/messages` names it. */
export function operationsOf({ paths }: ApiDescription): [name: string, operation: DescribedOperation][] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): [string, DescribedOperation] => [
      `${method} ${path}`,
      operation,
    ]),
  );
}
