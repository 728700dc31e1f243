import { broughtVariable } from './brought-names.policy.js';
import { closest } from './did-you-mean.policy.js';

/** Names by which programs tell where a server is. */
const PLACE = /(^|_)(HOST|HOSTS|URL|URLS|URI|DSN|ADDR|ADDRESS|SERVER|SERVERS)$/;
/** The same of a database, which has a name. Of NATS, names are of clients and streams. */
const NAMED_PLACE = /(^|_)(NAME|DBNAME|DATABASE|DB)$/;
/** What Kubernetes and Docker set for each service beside the program: `NATS_SERVICE_HOST`, `NATS_PORT_4222_TCP_ADDR`. */
const LINK = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/;

/** Whether a value is such a link: `SERVER_PORT=tcp://10.0.0.7:8080` is no port of ours. */
export function isLink(value: string): boolean {
  return /^(tcp|udp):\/\/[^/]+:\d+$/.test(value) || LINKED_NAME.test(value);
}

/** What Docker writes into `DATABASE_NAME` for a link of that name: `/app/database`. */
const LINKED_NAME = /^\/[^/]+\/[^/]+$/;

export interface StrangeVariables {
  /** All variables of this service, in the order of the settings. */
  readonly known: readonly string[];
  /** The first words of names that are ours: `SERVER`, `DATABASE`. */
  readonly sections: readonly string[];
  /** Whom the configuration names, such as the variables that hold keys. */
  readonly named: ReadonlySet<string>;
  /** The sections whose embedded servers would start. */
  readonly embedded: readonly string[];
}

/**
 * Variables that look like ours and are none. The environment is shared with every other program, so they are told and
 * not refused: unless the service would start on an empty embedded server while one of them names another.
 */
export function strangeVariables(
  env: Readonly<Record<string, string | undefined>>,
  ours: StrangeVariables,
): { readonly problems: string[]; readonly warnings: string[] } {
  const known = new Set([...ours.known, ...ours.named]);
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue;
    if (known.has(name)) {
      if (name.endsWith('_PORT') && isLink(value)) warnings.push(`${name} is ignored: ${LINK_MEANING}`);
      continue;
    }
    const instead = LINK.test(name) || isLink(value) ? null : insteadOf(name, ours);
    if (instead === null) continue;
    const told = `the environment variable ${name} is not one of this service's. ${instead}`;
    const section = ours.embedded.find((embedded) => pointsTo(name, instead, embedded));
    if (section === undefined) warnings.push(told);
    else problems.push(`${told} ${EMPTY[section]}, or unset ${name} to use the embedded one.`);
  }
  return { problems, warnings };
}

const LINK_MEANING =
  'it holds an address, as Kubernetes and Docker set it for a service of that name beside this one.';

const EMPTY: Readonly<Record<string, string>> = {
  DATABASE:
    'As it is, the service would start on an empty embedded PostgreSQL. Set DATABASE_URL or DATABASE_HOST',
  NATS: 'As it is, the service would start on an empty embedded NATS. Set NATS_URL',
};

function pointsTo(name: string, instead: string, section: string): boolean {
  if (!PLACE.test(name) && !(section === 'DATABASE' && NAMED_PLACE.test(name))) return false;
  // What has no place here at all is no database of ours either, such as a Redis.
  const brought = broughtVariable(name);
  if (brought !== null && !brought.startsWith('Write ')) return false;
  return name.startsWith(`${section}_`) || instead.startsWith(`Write ${section}_`);
}

/** What to write instead; null for a name that is no business of ours. */
function insteadOf(name: string, { known, sections }: StrangeVariables): string | null {
  const brought = broughtVariable(name);
  if (brought !== null) return brought;
  if (!name.includes('_')) return null;
  const near = closest(name, known);
  if (near !== null) return `Write ${near}.`;
  const section = sections.find((word) => name.startsWith(`${word}_`));
  if (section === undefined) return null;
  const alike = withSameWords(name, known);
  return alike === null
    ? `docs/configuration.md lists those that begin with ${section}_.`
    : `Write ${alike}.`;
}

/** The variable that has all words of this one, or whose words this one has all; the one with the fewest others. */
function withSameWords(name: string, known: readonly string[]): string | null {
  const words = new Set(name.split('_'));
  const fitting = known.flatMap((variable) => {
    const others = new Set(variable.split('_'));
    const common = [...others].filter((word) => words.has(word)).length;
    const fits = common > 1 && (common === others.size || common === words.size);
    return fits ? [{ variable, apart: words.size + others.size - 2 * common }] : [];
  });
  return fitting.sort((a, b) => a.apart - b.apart)[0]?.variable ?? null;
}
