/** A server as `llmq status` tells it. */
export interface ServerStatus {
  readonly name: string;
  /** Without a login. */
  readonly address: string;
  /** In a few words: `embedded, running`. */
  readonly state: string;
  /** Commands that look at it, without secrets. */
  readonly look: readonly string[];
  /** Who may log in there: what it is for, and the login. */
  readonly logins: readonly { readonly what: string; readonly user: string; readonly password: string }[];
  /** What to know beside the commands; null for nothing. */
  readonly note: string | null;
}

export interface Status {
  readonly configuration: string;
  readonly service: string;
  readonly servers: readonly ServerStatus[];
}

/** What a script reads: where all is, and passwords only where they are asked for. */
export function statusJson({ configuration, service, servers }: Status, withSecrets: boolean): object {
  return {
    configuration,
    service,
    servers: servers.map(({ name, address, state, logins, note }) => ({
      ...{ name, address, state, note },
      logins: logins.map(({ what, user, password }) => ({
        what,
        user,
        ...(withSecrets ? { password } : {}),
      })),
    })),
  };
}

/** @param withSecrets shows passwords */
export function statusText({ configuration, service, servers }: Status, withSecrets: boolean): string {
  const facts = [
    ['configuration', configuration],
    ['service', service],
    ...servers.map(({ name, address, state }) => [name, `${address} (${state})`]),
  ];
  const width = Math.max(...facts.map(([name]) => name!.length));
  const parts = [
    facts.map(([name, value]) => `${name!.padEnd(width)}  ${value}`),
    ...servers.map((server) => lookAt(server, withSecrets)),
    ...(withSecrets || servers.every(({ logins }) => logins.length === 0)
      ? []
      : [['Passwords are not shown; --show-secrets shows them.']]),
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function lookAt({ name, look, logins, note }: ServerStatus, withSecrets: boolean): string[] {
  const secrets = withSecrets
    ? logins.map(({ what, user, password }) => `  ${what}: user ${user}, password ${password}`)
    : [];
  const lines = [
    ...look.map((command) => `  ${command}`),
    ...(note === null ? [] : [`  ${note}`]),
    ...secrets,
  ];
  return lines.length === 0 ? [] : [`To look at ${name}:`, ...lines];
}

/** For a shell, as one word. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
