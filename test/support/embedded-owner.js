// Owns embedded servers until it is killed: node embedded-owner.js <compiled embedded-servers.js> <data folder>
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';

const [, , modulePath, dataDir] = process.argv;
const { startEmbeddedServers } = await import(pathToFileURL(String(modulePath)).href);
const servers = await startEmbeddedServers({
  dataDir,
  logger: pino({ level: 'silent' }),
  wantNats: true,
  wantPostgres: true,
});
process.stdout.write(`${JSON.stringify({ nats: servers.nats, databaseUrl: servers.databaseUrl })}\n`);
setInterval(() => undefined, 60_000);
