/**
 * The size of one half of V8's young generation, in MiB; it has three, so that it takes up to 96 MiB, in each
 * thread that does enough. A message lives for some milliseconds, from its request to its row: with V8's own 16 MiB most
 * of those under way survive two collections, are moved to the old generation, and cost far more there. Twice as much
 * again would bring another tenth.
 */
const SEMI_SPACE_MIB = 32;

/**
 * Node's flags for a process of the service. Who sets the size in NODE_OPTIONS keeps it: a flag on the command line
 * would win over it.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
export function serviceFlags(env) {
  const own = env['NODE_OPTIONS']?.includes('semi-space-size') ?? false;
  return own ? [] : [`--max-semi-space-size=${SEMI_SPACE_MIB}`];
}

/**
 * The environment of a process of the service. glibc keeps what was freed in up to eight arenas a core, for whoever
 * allocates next in the same one; two of them keep some 40 MiB less behind a burst, and are as fast for what Node
 * allocates there. Other allocators don't know the variable.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function serviceEnvironment(env) {
  return { MALLOC_ARENA_MAX: '2', ...env };
}
