import type { Lane } from '../../domain/message/lane.policy.js';

/**
 * The account of the service in a server that has publishers, too. Without any, all users are in the server's global
 * account, which can give nothing to others and take nothing from them.
 */
export const SERVICE_ACCOUNT = 'LLMQ';
export const GLOBAL_ACCOUNT = '$G';

export interface PublisherLogin {
  readonly name: string;
  /** Its public key. */
  readonly nkey: string;
}

const LANES: readonly (Lane | 'auto')[] = ['auto', 'realtime', 'high', 'normal', 'low'];
/** What a publisher may say to the service, each as one request with one answer. */
const SAID = [...LANES.map((lane) => `intake.${lane}`), 'rpc.>'];
/** What it may hear from it. */
const HEARD = ['results.>', 'intake.rejected'];

const own = (subject: string) => `llmq.${subject}`;
const prefixed = (name: string, subject: string) => `llmq.publishers.${name}.${subject}`;

/** What a publisher's user may do inside its account, in the words of the server's configuration. */
export const PUBLISHER_PERMISSIONS = {
  publish: { allow: SAID.map(own) },
  subscribe: { allow: [...HEARD.map(own), '_INBOX.>'] },
};

/**
 * Each publisher has an account of its own, which holds nothing: no stream, and no subject of anybody else's. Some of
 * its subjects lead into the service's account, where its name stands in them, and some lead back. The server puts the
 * name there, so it is proof of whose credentials were used; and an answer goes to the publisher's account, whatever
 * subject it asks for, so that none can be led into the log.
 *
 * @param users of the service's account
 */
export function accountsOf(
  users: readonly object[],
  publishers: readonly PublisherLogin[],
): Record<string, object> {
  const accounts = publishers.map(({ name, nkey }) => [
    accountOf(name),
    {
      users: [{ nkey, permissions: PUBLISHER_PERMISSIONS }],
      imports: [
        ...SAID.map((subject) => ({ service: from(name, subject), to: own(subject) })),
        ...HEARD.map((subject) => ({ stream: from(name, subject), to: own(subject) })),
      ],
    },
  ]);
  const exports = publishers.flatMap(({ name }) => [
    ...SAID.map((subject) => ({ service: prefixed(name, subject), accounts: [accountOf(name)] })),
    ...HEARD.map((subject) => ({ stream: prefixed(name, subject), accounts: [accountOf(name)] })),
  ]);
  return { [SERVICE_ACCOUNT]: { jetstream: 'enabled', users, exports }, ...Object.fromEntries(accounts) };
}

function accountOf(publisher: string): string {
  return `PUBLISHER_${publisher}`;
}

function from(publisher: string, subject: string): { readonly account: string; readonly subject: string } {
  return { account: SERVICE_ACCOUNT, subject: prefixed(publisher, subject) };
}
