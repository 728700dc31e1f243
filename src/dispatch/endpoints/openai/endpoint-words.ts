import { redactSecrets } from '../../../platform/logging/redact.js';

/** An endpoint's own words go into events and to clients, so they are kept short. */
const LONGEST_QUOTE = 500;
/** As much is looked at: what is cut in the middle might not look like a secret any more. */
const LONGEST_READ = 8 * 1024;

/** Keys and tokens by the shapes that providers give them. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [
    /\b(sk|pk|rk|gsk|hf|r8|xai|nvapi|pplx|fw|csk|ghp|gho|glpat|xox[abprs]|whsec|dop_v1|tgp_v1)[-_][A-Za-z0-9_*.-]{8,}/g,
    '[key]',
  ],
  [/\b(AIza|AKIA|ASIA|ya29\.)[A-Za-z0-9_.-]{10,}/g, '[key]'],
  [/\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{3,}(\.[A-Za-z0-9_-]*)?/g, '[token]'],
  [
    /(["']?\b(?:x-)?(?:api[-_ ]?key|access[-_ ]?token|auth[-_ ]?token|token|secret|password|passwd|authorization)\b["']?\s*(?:provided)?\s*[:=]\s*["']?)(?!\[|Bearer\b|Basic\b)[^\s"',;)}&]{6,}/gi,
    '$1[key]',
  ],
  // No word is so long: a key of a shape that is not known here.
  [/(?<![A-Za-z0-9_+=])(?=[A-Za-z_+=]*\d)(?=[\d_+=]*[A-Za-z])[A-Za-z0-9_+=]{32,}/g, '[key]'],
];

const OCTET = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const PRIVATE_IPV4 = [
  `(?:10|127)\\.${OCTET}\\.${OCTET}\\.${OCTET}`,
  `192\\.168\\.${OCTET}\\.${OCTET}`,
  `169\\.254\\.${OCTET}\\.${OCTET}`,
  `172\\.(?:1[6-9]|2\\d|3[01])\\.${OCTET}\\.${OCTET}`,
  `100\\.(?:6[4-9]|[7-9]\\d|1[01]\\d|12[0-7])\\.${OCTET}\\.${OCTET}`,
  '0\\.0\\.0\\.0',
].join('|');

/** Addresses that lead nowhere from outside, and tell of the inside. */
const ADDRESSES: readonly RegExp[] = [
  // A URL whose host has no dot, or a name of a private zone.
  /\b[a-z][a-z0-9+.-]*:\/\/(?:[\w-]+|[\w.-]+\.(?:internal|local|localdomain|lan|corp|intranet|home\.arpa|svc|cluster|private))(?::\d+)?(?:\/[^\s"'<>]*)?(?=[\s"'<>),;]|$)/gi,
  new RegExp(
    `(?:\\b[a-z][a-z0-9+.-]*:\\/\\/)?(?<![\\d.])(?:${PRIVATE_IPV4})(?![\\d]|\\.\\d)(?::\\d+)?(?:\\/[^\\s"'<>]*)?`,
    'gi',
  ),
  /(?<![\w:])\[?(?:::1|(?:f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):[0-9a-f:]+)\]?(?::\d+)?(?![\w:])/gi,
  /\b(?:[\w-]+\.)+(?:internal|local|localdomain|lan|corp|intranet|home\.arpa|svc)\b(?:\.[\w.-]*\w)?(?::\d+)?/gi,
  /\blocalhost(?::\d+)?/gi,
];

/** The words of one endpoint, made fit for events and clients. */
export class EndpointWords {
  private readonly own: readonly (readonly [string, string])[];

  /**
   * @param secrets what is sent to the endpoint and nobody else's business
   * @param host the endpoint's own
   */
  constructor(secrets: readonly string[], host: string) {
    this.own = [
      // Some servers quote the key that they refuse.
      ...secrets.filter((secret) => secret.length >= 4).map((secret): [string, string] => [secret, '[key]']),
      // A name of one part may be a word like any other.
      ...(/[.:]/.test(host) ? [[host, '[endpoint]'] as [string, string]] : []),
    ];
  }

  /**
   * One line of well-formed text, without what looks like a secret or an internal address. Control characters and halves
   * of a cut pair would trouble whoever stores it.
   */
  fit(text: string): string {
    let line = text
      .slice(0, LONGEST_READ)
      .replace(/\p{Surrogate}/gu, '')
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim();
    for (const [word, instead] of this.own) line = line.replaceAll(word, instead);
    line = redactSecrets(line);
    for (const [pattern, instead] of SECRETS) line = line.replace(pattern, instead);
    for (const pattern of ADDRESSES) line = line.replace(pattern, '[address]');
    return line.length > LONGEST_QUOTE
      ? `${line.slice(0, LONGEST_QUOTE).replace(/\p{Surrogate}/gu, '')}…`
      : line;
  }

  /** Null stays null. A name that is cut is none any more. */
  fitName(name: string | null): string | null {
    return name === null ? null : this.fit(name).slice(0, 200);
  }
}
