import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';

const PROJECT = resolve(import.meta.dirname, '../..');

export type Environment = Readonly<Record<string, string>>;

export interface ComposeService {
  readonly image: string;
  readonly environment?: Environment;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly deploy?: { readonly replicas: number };
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

/** A file of Docker Compose by its path in the project, with what its anchors stand for. */
export function composeFile(path: string): { text: string; services: Record<string, ComposeService> } {
  const text = readFileSync(join(PROJECT, path), 'utf8');
  return { text, ...(parse(text, { merge: true }) as { services: Record<string, ComposeService> }) };
}

/** Compose's `${NAME:-default}` and `${NAME:?error}`, of which none of ours has a default of its own. */
export function interpolated(environment: Environment, env: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).map(([name, text]) => [
      name,
      text.replace(/\$\{(\w+):[-?][^}]*\}/g, (_, variable: string) => env[variable] ?? ''),
    ]),
  );
}

/** The variables without which Compose starts nothing. */
export function requiredVariables(text: string): string[] {
  return [...new Set([...text.matchAll(/\$\{(\w+):\?/g)].map((match) => match[1]!))].sort();
}

/** Lines of `NAME=value`, and of `NAME='value'`. */
export function parseEnvFile(text: string): Environment {
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value!.replace(/^'(.*)'$/, '$1')]),
  );
}
