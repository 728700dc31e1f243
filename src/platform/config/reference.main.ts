import { readFile, writeFile } from 'node:fs/promises';
import { exampleFile } from './example-file.js';
import { withConfigurationTable } from './reference.js';

/** Writes what the documents say about the configuration from the schema, so that the two can't differ. Run in the project's folder. */
const REFERENCE = 'docs/configuration.md';
const EXAMPLE = 'config.example.yaml';

await writeFile(REFERENCE, withConfigurationTable(await readFile(REFERENCE, 'utf8')));
await writeFile(EXAMPLE, exampleFile());
console.log(`Written: ${REFERENCE}, ${EXAMPLE}`);
