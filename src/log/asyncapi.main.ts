import { writeFile } from 'node:fs/promises';
import { asyncApiYaml } from './asyncapi.js';

/** Writes the document of the event log. Run in the project's folder. */
const PATH = 'docs/asyncapi.yaml';
await writeFile(PATH, asyncApiYaml());
console.log(`Written: ${PATH}`);
