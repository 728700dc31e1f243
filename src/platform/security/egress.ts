import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { buildConnector } from 'undici';
import type { ServiceConfig } from '../config/service-config.js';
import {
  type EgressRefusal,
  type EgressRules,
  egressRules,
  hostOf,
  type NamedBy,
  notForHttp,
  refusedAddress,
  refusedHost,
  unresolved,
} from './egress.policy.js';

/** A connection that the policy does not allow. */
export class EgressRefusedError extends Error {
  readonly code: EgressRefusal['code'];
  constructor(readonly refusal: EgressRefusal) {
    super(refusal.message);
    this.code = refusal.code;
  }
}

export type ConnectorOptions = buildConnector.BuildOptions & { readonly namedBy: NamedBy };

export type Resolve = (host: string, options: { readonly family?: number }) => Promise<LookupAddress[]>;

const resolveBySystem = promisify(dnsLookup);
const bySystem: Resolve = (host, options) => resolveBySystem(host, { ...options, all: true });

/**
 * Where the service may connect to on behalf of others, by `security.egress`: endpoints and webhooks.
 *
 * An address is checked twice, because a name can lead elsewhere by the time it is called: when it is given, so that
 * whoever gives it is told, and when it is connected to, which is what counts. An endpoint's key belongs to its name and
 * `originOf` its URL together: at another origin it is not sent.
 */
export class EgressPolicy {
  private readonly rules: EgressRules;

  /** @param resolve all addresses of a host, as the system finds them */
  constructor(
    { security }: { readonly security: Pick<ServiceConfig['security'], 'egress'> },
    private readonly resolve: Resolve = bySystem,
  ) {
    this.rules = egressRules(security.egress);
  }

  /** What can be said of an URL at once, without looking its name up; null where nothing speaks against it. */
  refusalAtSight(url: string, namedBy: NamedBy = 'request'): EgressRefusal | null {
    const host = hostOf(url);
    return host === null ? notForHttp(url) : refusedHost(this.rules, namedBy, host);
  }

  /** Why an URL may not be called; null where it may. A name that can't be resolved is refused: it can't be judged. */
  async check(url: string, namedBy: NamedBy = 'request'): Promise<EgressRefusal | null> {
    const host = hostOf(url);
    if (host === null) return notForHttp(url);
    const refused = refusedHost(this.rules, namedBy, host);
    if (refused !== null || isIP(host) !== 0) return refused;
    const addresses = await this.resolve(host, {}).catch(() => []);
    if (addresses.length === 0) return unresolved(host);
    return this.firstRefused(namedBy, host, addresses);
  }

  /**
   * For undici's `connect`: it resolves a host once, checks every address that it has, and connects to those very
   * addresses. Each new connection is checked; what was kept alive was.
   *
   * The connection fails with `EgressRefusedError` where an address is refused.
   */
  connector({ namedBy, ...options }: ConnectorOptions): buildConnector.connector {
    const connect = buildConnector({ ...options, lookup: this.checkedLookup(namedBy) } as never);
    return (target, callback) => {
      const host = hostOf(`http://${hostInUrl(target.hostname)}`);
      const refused = host === null ? notForHttp(target.hostname) : refusedHost(this.rules, namedBy, host);
      if (refused === null) return connect(target, callback);
      // undici takes no answer before this call returns.
      queueMicrotask(() => callback(new EgressRefusedError(refused), null));
    };
  }

  private checkedLookup(namedBy: NamedBy): LookupFunction {
    return (hostname, { family, all }, callback) => {
      const host = hostname.toLowerCase().replace(/\.+$/, '');
      this.resolve(hostname, { family: familyOf(family) }).then(
        (addresses) => {
          const refused = this.firstRefused(namedBy, host, addresses);
          const [first] = addresses;
          if (refused !== null) callback(new EgressRefusedError(refused), []);
          else if (first === undefined) callback(new EgressRefusedError(unresolved(host)), []);
          else if (all === true) callback(null, addresses);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, []),
      );
    };
  }

  private firstRefused(
    namedBy: NamedBy,
    host: string,
    addresses: readonly LookupAddress[],
  ): EgressRefusal | null {
    for (const { address } of addresses) {
      const refused = refusedAddress(this.rules, namedBy, host, address);
      if (refused !== null) return refused;
    }
    return null;
  }
}

function familyOf(family: number | 'IPv4' | 'IPv6' | undefined): number {
  if (family === 'IPv4') return 4;
  return family === 'IPv6' ? 6 : (family ?? 0);
}

/** undici tells an IPv6 address without its brackets. */
function hostInUrl(hostname: string): string {
  return isIP(hostname) === 6 ? `[${hostname}]` : hostname;
}
