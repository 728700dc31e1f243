/** The direction of imports, checked by `npm run deps:check`. @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle means that two files are one idea, or that an idea lies in the wrong file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'pure-files-stay-pure',
      comment:
        'Events, states, decisions, policies and projections are facts and rules: no framework, no broker, no database, no node:*. Clock and ids are arguments.',
      severity: 'error',
      from: { path: '\\.(events|state|decision|policy|projection)\\.ts$' },
      to: { pathNot: ['\\.(events|state|decision|policy|projection)\\.ts$', '^node_modules/zod/'] },
    },
    {
      name: 'broker-types-stay-in-adapters',
      comment: 'The NATS client is known to the adapters that talk to NATS, and to nobody else.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(event-log/jetstream|lanes/jetstream|answers/nats|cancellation/nats|conversation/nats|intake/nats|queues/nats|projection/nats|idempotency/nats|dead-letters/nats|alerts/nats|platform)/',
      },
      to: { path: '^node_modules/@nats-io/' },
    },
    {
      name: 'database-types-stay-in-adapters',
      comment: 'TypeORM and pg are known to the projection and to the platform that connects them.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(projection|platform)/' },
      to: { path: '^node_modules/(typeorm|pg|@nestjs/typeorm)/' },
    },
    {
      name: 'source-does-not-import-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
