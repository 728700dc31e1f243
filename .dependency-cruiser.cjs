/**
 * The rooms of `src`, from the roof to the ground: a room imports from rooms below it only. The order makes a circle of
 * rooms impossible, and a file that climbs is told by name.
 */
const ROOMS = [
  'app',
  'interfaces',
  'operations',
  'submission',
  'scheduler',
  'dispatch',
  'conversations',
  'projection',
  'log',
  'broker',
  'demo-model',
  'platform',
  'domain',
];

const upwards = ROOMS.slice(1).map((room, at) => ({
  name: `${room}-imports-only-from-below`,
  comment:
    'A room imports from the rooms below it; see docs/architecture.md. What two rooms share goes below both.',
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: `^src/(${ROOMS.slice(0, at + 1).join('|')})/|^src/main\\.ts$` },
}));

/** The direction of imports, checked by `npm run deps:check`. @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...upwards,
    {
      name: 'rooms-are-known',
      comment: 'A new folder at the top of src gets its place in the order above.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${ROOMS.join('|')})/` },
      to: {},
    },
    ...[
      ['tables', 'write|fold|rebuild|read'],
      ['write', 'fold|rebuild|read'],
      ['fold', 'rebuild|read'],
      ['read', 'write|fold|rebuild'],
      ['rebuild', 'read'],
    ].map(([folder, others]) => ({
      name: `projection-${folder}-knows-its-place`,
      comment:
        'Inside the projection, rebuild uses fold, fold uses write, and all use tables. Readers use tables alone.',
      severity: 'error',
      from: { path: `^src/projection/${folder}/` },
      to: { path: `^src/projection/(${others})/` },
    })),
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
      to: {
        pathNot: [
          '\\.(events|state|decision|policy|projection)\\.ts$',
          '^src/domain/assert-never\\.ts$',
          // No input or output either: what it knows of addresses is arithmetic.
          '^node_modules/(zod|ipaddr\\.js)/',
        ],
      },
    },
    {
      name: 'domain-is-pure',
      comment: 'The domain knows nobody: facts and rules that every other room shares.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: ['^src/domain/', '^node_modules/(zod|fast-check|@jest)/'] },
    },
    {
      name: 'broker-types-stay-in-adapters',
      comment: 'The NATS client is known to the adapters that talk to NATS, and to nobody else.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(broker/|.*/(jetstream|nats)/|app/platform\\.module|platform/embedded/embedded-nats\\.)|\\.spec\\.ts$',
      },
      to: { path: '^node_modules/@nats-io/' },
    },
    {
      name: 'database-types-stay-in-adapters',
      comment: 'TypeORM and pg are known to the projection and to the platform that connects them.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(projection|platform|app)/' },
      to: { path: '^node_modules/(typeorm|pg|@nestjs/typeorm)/' },
    },
    {
      name: 'http-stays-in-interfaces',
      comment:
        'Submission and all below it serve every protocol: they know no Fastify and no description of REST.',
      severity: 'error',
      from: {
        path: '^src/(operations|submission|scheduler|dispatch|conversations|projection|log|broker|platform|domain)/',
      },
      to: { path: '^node_modules/(fastify|@fastify|@nestjs/(platform-fastify|swagger))/' },
    },
    {
      name: 'threads-and-commands-load-no-framework',
      comment:
        'A thread and a command load all their modules before they work, and Nest has hundreds: it would double the time of the projector. What describes the routes reads them from Nest.',
      severity: 'error',
      from: { path: '\\.(thread|main)\\.ts$', pathNot: '^src/app/(openapi|asyncapi)\\.main\\.ts$' },
      to: { path: '^node_modules/@nestjs/', reachable: true },
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
