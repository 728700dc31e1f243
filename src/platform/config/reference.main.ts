import { readFile, writeFile } from 'node:fs/promises';
import { exampleFile } from './example-file.js';
import { withConfigurationTable } from './reference.js';

/** Writes what the documents say about the configuration from the schema, so that the two can't differ. Run in the project's folder. */
const DOCUMENTS = ['README.md', 'README.zh-CN.md', 'docs/configuration.md'];

for (const path of DOCUMENTS) {
  await writeFile(path, withConfigurationTable(await readFile(path, 'utf8')));
}
await writeFile('config.example.yaml', exampleFile());
console.log(`Written: ${[...DOCUMENTS, 'config.example.yaml'].join(', ')}`);
