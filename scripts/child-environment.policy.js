/**
 * What every program may need to run at all: where programs, libraries and temporary files are, whose process it is, and
 * in which time zone and language. `LD_PRELOAD` with `NSS_WRAPPER_*` is how a container without an entry for its user
 * gives PostgreSQL a name for it.
 */
const EVERY_PROGRAM =
  /^(PATH|HOME|USER|LOGNAME|TZ|LANG|LC_\w+|TMPDIR|TMP|TEMP|LD_LIBRARY_PATH|LD_PRELOAD|NSS_WRAPPER_\w+|DYLD_\w+_PATH|MALLOC_\w+|GOMAXPROCS|GOMEMLIMIT|GOGC|GODEBUG|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERNAME|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES(\(X86\))?)$/i;

/** What those take that fetch and compile: ways to the network, whom to trust there, and their own settings. */
const TOOLS =
  /^(\w+_PROXY|SSL_CERT_(FILE|DIR)|CURL_\w+|NETRC|XDG_\w+|APT_\w+|DEBIAN_FRONTEND|DPKG_\w+|GO\w+|GIT_\w+|CC|NODE_(ENV|OPTIONS|EXTRA_CA_CERTS|PATH))$/i;

/**
 * The environment of a program that this one starts: a list of what is let through, because nobody can list the names
 * of all secrets. The keys of the endpoints, above all, are nobody's but the service's own process.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {RegExp} [more] names that this program takes beside what every program may need
 * @returns {NodeJS.ProcessEnv}
 */
export function childEnvironment(env, more) {
  const wanted = Object.entries(env).filter(([name]) => EVERY_PROGRAM.test(name) || more?.test(name));
  return Object.fromEntries(wanted);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function toolEnvironment(env) {
  return childEnvironment(env, TOOLS);
}
