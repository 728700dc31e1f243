import ipaddr from 'ipaddr.js';

/**
 * Who named an address. What stands in the configuration file was written by the operator; what came over HTTP may be
 * meant to reach what only this machine can reach.
 */
export type NamedBy = 'configuration' | 'request';

export interface EgressRefusal {
  readonly code:
    | 'egress_bad_address'
    | 'egress_denied'
    | 'egress_metadata_address'
    | 'egress_private_address'
    | 'egress_unresolved';
  readonly host: string;
  /** For people. It does not tell what a name resolved to. */
  readonly message: string;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

type Rule =
  | { readonly kind: 'every_host' }
  | { readonly kind: 'host'; readonly name: string }
  /** Names below one, such as `*.example.com`: the suffix begins with its dot. */
  | { readonly kind: 'hosts_below'; readonly suffix: string }
  | { readonly kind: 'network'; readonly network: Address; readonly bits: number };

export interface EgressRules {
  readonly allow: readonly Rule[];
  readonly deny: readonly Rule[];
}

/** What clouds answer credentials at. Some of these addresses are in no private network. */
const METADATA_ADDRESSES = [
  ...['169.254.169.254', '169.254.170.2', '169.254.170.23', '169.254.0.23', '100.100.100.200'],
  ...['168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'],
].map((text) => ipaddr.process(text).toString());
const METADATA_NAMES = [
  ...['metadata', 'metadata.goog', 'metadata.google.internal', 'metadata.tencentyun.com'],
  ...['instance-data', 'instance-data.ec2.internal', 'metadata.azure.internal'],
];

const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
/** RFC 6052: behind it a network reaches IPv4 addresses over IPv6. */
const NAT64 = ipaddr.IPv6.parse('64:ff9b::');
const LOCAL_NAT64 = ipaddr.IPv6.parse('64:ff9b:1::');
const TRANSLATED = ipaddr.IPv6.parse('::ffff:0:0:0');
const COMPATIBLE = ipaddr.IPv6.parse('::');
const SIX_TO_FOUR = ipaddr.IPv6.parse('2002::');
const TEREDO = ipaddr.IPv6.parse('2001::');

/**
 * @param lists hosts (`api.example.com`), hosts below one (`*.example.com`), all hosts (`*`), addresses, and networks in
 *   CIDR
 * @throws {Error} with the first entry that is none of these
 */
export function egressRules(lists: {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}): EgressRules {
  return { allow: lists.allow.map(ruleOf), deny: lists.deny.map(ruleOf) };
}

/** What is wrong with an entry of the lists; null where nothing is. */
export function egressRuleProblem(text: string): string | null {
  try {
    ruleOf(text);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The host of an URL as it is judged: in lower case, without brackets and dots at its end, addresses in their usual
 * spelling however they were written (`0x7f.1`, `2130706433`); null where the URL is none for HTTP.
 */
export function hostOf(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return null;
  const host = plainHost(hostname);
  return host === '' ? null : host;
}

/**
 * Whose a key is: protocol, host and port, in one spelling. Null where `hostOf` is.
 *
 * A key that was given for one origin goes to no other: not to another host, nor to the same one without TLS.
 */
export function originOf(url: string): string | null {
  const host = hostOf(url);
  if (host === null) return null;
  const { protocol, port } = new URL(url);
  return `${protocol}//${host.includes(':') ? `[${host}]` : host}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

/** What can be said of a host before it is resolved. */
export function refusedHost(rules: EgressRules, namedBy: NamedBy, host: string): EgressRefusal | null {
  if (addressOf(host) !== null) return refusedAddress(rules, namedBy, host, host);
  if (rules.deny.some((rule) => matchesHost(rule, host))) return refusal('egress_denied', host);
  if (namedBy === 'configuration' || !METADATA_NAMES.includes(host)) return null;
  return rules.allow.some((rule) => names(rule, host)) ? null : refusal('egress_metadata_address', host);
}

/** What can be said of one address of a host; a host is refused with any of its addresses. */
export function refusedAddress(
  rules: EgressRules,
  namedBy: NamedBy,
  host: string,
  text: string,
): EgressRefusal | null {
  const address = addressOf(text);
  if (address === null) return refusal('egress_bad_address', host);
  if (isDenied(rules, address)) return refusal('egress_denied', host);
  if (namedBy === 'configuration') return null;
  if (isMetadata(address)) {
    const allowed = rules.allow.some((rule) => isExactly(rule, address) || namesMetadata(rule, host));
    return allowed ? null : refusal('egress_metadata_address', host);
  }
  if (isPublic(address) || isAllowed(rules, host, address)) return null;
  return refusal('egress_private_address', host);
}

export function unresolved(host: string): EgressRefusal {
  return refusal('egress_unresolved', host);
}

export function notForHttp(url: string): EgressRefusal {
  return refusal('egress_bad_address', url.slice(0, 200));
}

function refusal(code: EgressRefusal['code'], host: string): EgressRefusal {
  const message = {
    egress_bad_address: `${host} is not an address that HTTP can reach.`,
    egress_denied: `${host} is in security.egress.deny, or has an address that is.`,
    egress_metadata_address: `${host} leads to a cloud's metadata service. Only an entry of security.egress.allow that names this very address allows it.`,
    egress_private_address: `${host} has an address that is not public (private, loopback, link-local or reserved). An entry of security.egress.allow can allow the host or its network.`,
    egress_unresolved: `The host ${host} has no address: its name can't be resolved.`,
  }[code];
  return { code, host, message };
}

function ruleOf(text: string): Rule {
  const entry = text.trim();
  if (entry === '*') return { kind: 'every_host' };
  const [base = '', bits, ...rest] = entry.replace(/^\[(.*)\](?=\/|$)/, '$1').split('/');
  const address = parsed(base);
  if (address !== null && rest.length === 0) return networkRule(entry, address, bits);
  if (bits !== undefined) throw notARule(text);
  const below = entry.startsWith('*.');
  const host = hostOf(`http://${below ? entry.slice(2) : entry}`);
  if (host === null || /[\s@:?#*]/.test(below ? entry.slice(2) : entry)) throw notARule(text);
  if (below) return { kind: 'hosts_below', suffix: `.${host}` };
  const literal = addressOf(host);
  return literal === null ? { kind: 'host', name: host } : networkRule(entry, literal, undefined);
}

function networkRule(text: string, address: Address, bits: string | undefined): Rule {
  const width = address.kind() === 'ipv4' ? 32 : 128;
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) throw notARule(text);
  const length = bits === undefined ? width : Number(bits);
  if (length > width) throw notARule(text);
  const mapped = address.kind() === 'ipv6' && (address as ipaddr.IPv6).isIPv4MappedAddress();
  if (!mapped || length < 96) return { kind: 'network', network: address, bits: length };
  return { kind: 'network', network: (address as ipaddr.IPv6).toIPv4Address(), bits: length - 96 };
}

function notARule(text: string): Error {
  return new Error(
    `${JSON.stringify(text)} is neither a host (api.example.com, *.example.com, *) nor an address or network (10.0.0.0/8, fd00::/8)`,
  );
}

function plainHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.+$/, '');
}

/** An address as such; IPv4 in IPv6's mapped form is the IPv4 address, since that is what is connected to. */
function addressOf(text: string): Address | null {
  const address = parsed(text);
  if (address === null || address.kind() === 'ipv4') return address;
  const six = address as ipaddr.IPv6;
  return six.isIPv4MappedAddress() ? six.toIPv4Address() : six;
}

function parsed(text: string): Address | null {
  const bare = text.replace(/%.*$/, '');
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare);
  return bare.includes(':') && ipaddr.IPv6.isValid(bare) ? ipaddr.IPv6.parse(bare) : null;
}

/** The IPv4 address that an IPv6 address leads to by way of a translator or a tunnel; null where there is none. */
function carried(address: Address): ipaddr.IPv4 | null {
  if (address.kind() === 'ipv4') return null;
  const six = address as ipaddr.IPv6;
  const { parts } = six;
  const pair = (at: number, flip = 0) => fourOf(parts[at]! ^ flip, parts[at + 1]! ^ flip);
  if (six.match(SIX_TO_FOUR, 16)) return pair(1);
  if (six.match(TEREDO, 32)) return pair(6, 0xffff);
  const ends = six.match(NAT64, 96) || six.match(LOCAL_NAT64, 48) || six.match(TRANSLATED, 96);
  const isatap = (parts[4]! & 0xfdff) === 0 && parts[5] === 0x5efe;
  return ends || isatap || six.match(COMPATIBLE, 96) ? pair(6) : null;
}

function fourOf(high: number, low: number): ipaddr.IPv4 {
  return new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
}

function isPublic(address: Address): boolean {
  if (address.kind() === 'ipv4') return address.range() === 'unicast' && !isMetadata(address);
  const six = address as ipaddr.IPv6;
  const four = carried(six);
  if (four !== null && !isPublic(four)) return false;
  if (six.match(NAT64, 96)) return true;
  // The other tunnels end at a router that nobody here chose.
  return six.match(GLOBAL_UNICAST, 3) && six.range() === 'unicast';
}

function isMetadata(address: Address): boolean {
  const four = carried(address);
  return METADATA_ADDRESSES.includes(address.toString()) || (four !== null && isMetadata(four));
}

function isDenied({ deny }: EgressRules, address: Address): boolean {
  const four = carried(address);
  return deny.some((rule) => holds(rule, address) || (four !== null && holds(rule, four)));
}

function isAllowed({ allow }: EgressRules, host: string, address: Address): boolean {
  const four =
    address.kind() === 'ipv6' && (address as ipaddr.IPv6).match(NAT64, 96) ? carried(address) : null;
  return allow.some(
    (rule) => matchesHost(rule, host) || holds(rule, address) || (four !== null && holds(rule, four)),
  );
}

function matchesHost(rule: Rule, host: string): boolean {
  switch (rule.kind) {
    case 'every_host':
      return true;
    case 'host':
      return host === rule.name;
    case 'hosts_below':
      return host.endsWith(rule.suffix) && host.length > rule.suffix.length;
    case 'network':
      return false;
  }
}

function names(rule: Rule, host: string): boolean {
  return rule.kind === 'host' && rule.name === host;
}

function namesMetadata(rule: Rule, host: string): boolean {
  return METADATA_NAMES.includes(host) && names(rule, host);
}

function holds(rule: Rule, address: Address): boolean {
  if (rule.kind !== 'network' || rule.network.kind() !== address.kind()) return false;
  return (address as ipaddr.IPv4).match(rule.network as ipaddr.IPv4, rule.bits);
}

/** A wide network is not meant to open what gives away the machine's own credentials. */
function isExactly(rule: Rule, address: Address): boolean {
  return holds(rule, address) && (rule as { bits: number }).bits === (address.kind() === 'ipv4' ? 32 : 128);
}
