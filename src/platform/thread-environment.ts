import { childEnvironment } from '../../scripts/child-environment.policy.js';

/** PostgreSQL's client takes from there what its address leaves out. */
const CLIENTS = /^(PG[A-Z]+|NODE_ENV)$/;

/** What a thread finds as `process.env`: its configuration it is handed, and the endpoints' keys are not for it. */
export function threadEnvironment(): NodeJS.Dict<string> {
  return childEnvironment(process.env, CLIENTS);
}
