import { readFileSync } from 'node:fs';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { ConfigError } from './config.error.js';

export interface ConfigFile {
  readonly path: string;
  readonly content: unknown;
  /** The line of the key at this path, from 1; null where the file has none. */
  lineOf(path: readonly PropertyKey[]): number | null;
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'that is a directory',
  EACCES: 'this user may not read it',
};

function readText(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new ConfigError([
      `the configuration file ${path} can't be read: ${READ_ERRORS[code] ?? code}. Name another with --config or LLMQ_CONFIG, or none to run on the defaults.`,
    ]);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError([`the file ${path} is not text in UTF-8. Save it as UTF-8.`]);
  }
}

/**
 * Reads YAML (JSON is YAML too). Errors name the line but never quote it: it may hold a password.
 *
 * @throws {ConfigError} for a file that can't be read or is not YAML, or has a key twice
 */
export function readConfigFile(path: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        const what = error.code === 'DUPLICATE_KEY' ? 'this key is there twice' : 'this is not valid YAML';
        return `${path}, line ${line}, column ${col}: ${what} (${error.code}). Correct the file.`;
      }),
    );
  }
  return {
    path,
    content: plainContent(document, path),
    lineOf: (keys) => {
      for (let length = keys.length; length > 0; length--) {
        const node = document.getIn(keys.slice(0, length), true);
        if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
      }
      return null;
    },
  };
}

/** Aliases are resolved here, and refused where they would blow up (the parser's limit is a hundred). */
function plainContent(document: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    return document.toJS();
  } catch {
    throw new ConfigError([
      `the file ${path} has an alias (*name) that can't be resolved. Write the value out.`,
    ]);
  }
}
