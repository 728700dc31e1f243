import { describedApp } from './described-app.js';

/** Prints the OpenAPI description. */
process.stdout.write(`${JSON.stringify(await describedApp(), null, 2)}\n`);
