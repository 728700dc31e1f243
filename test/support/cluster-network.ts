import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Two addresses of one node: clients come by one wire, the other servers by another one, as in many installations. */
export interface NodePlace {
  readonly clientHost: string;
  readonly routeHost: string;
  /** What a command has before it, to run as this node. */
  readonly through: readonly string[];
}

/** `routes` leaves the node to its clients, and cuts it off from the other servers alone. */
export type Cut = 'everything' | 'routes';

export interface ClusterNetwork<Name extends string> {
  place(name: Name): NodePlace;
  cut(name: Name, cut: Cut): void;
  mend(name: Name): void;
  close(): Promise<void>;
}

const WIRES = ['clients', 'routes'] as const;
let opened = 0;

/** Null where a test may make networks, else why not: it needs Linux, iproute2, and the right to. */
export function whyNoNetworks(): string | null {
  const name = `lq${process.pid}-try`;
  try {
    ip('netns', 'add', name);
    try {
      ip('-n', name, 'link', 'add', 'clients', 'type', 'bridge');
      ip('-n', name, 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there');
    } finally {
      ip('netns', 'del', name);
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * A namespace for each node, and one that is the switch between them and this process: in one of its own no firewall of
 * the machine looks at what passes it. All wires end in the switch, so they are gone when it is.
 */
export function openClusterNetwork<Name extends string>(names: readonly Name[]): ClusterNetwork<Name> {
  opened += 1;
  const prefix = `lq${process.pid}n${opened % 10}`;
  const close = removeWithThisProcess(prefix, [
    theSwitchOf(prefix),
    ...names.map((name) => `${prefix}-${name}`),
  ]);
  try {
    return { ...laidOut(prefix, names), close };
  } catch (error) {
    void close();
    throw error;
  }
}

const theSwitchOf = (prefix: string) => `${prefix}-switch`;

function laidOut<Name extends string>(
  prefix: string,
  names: readonly Name[],
): Omit<ClusterNetwork<Name>, 'close'> {
  const theSwitch = theSwitchOf(prefix);
  // Of the range for measuring networks, which few use; eight addresses for each network.
  const low = ((process.pid * 2 + (opened % 2)) % 8_192) * 8;
  const host = (wire: number, node: number) =>
    `198.${18 + wire}.${Math.floor(low / 256)}.${(low % 256) + 1 + node}`;
  ip('netns', 'add', theSwitch);
  for (const wire of WIRES) {
    ip('-n', theSwitch, 'link', 'add', wire, 'type', 'bridge');
    ip('-n', theSwitch, 'link', 'set', wire, 'up');
  }
  ip('link', 'add', prefix, 'type', 'veth', 'peer', 'name', 'tests', 'netns', theSwitch);
  ip('-n', theSwitch, 'link', 'set', 'tests', 'master', 'clients', 'up');
  ip('addr', 'add', `${host(0, names.length)}/29`, 'dev', prefix);
  ip('link', 'set', prefix, 'up');
  for (const [index, name] of names.entries()) {
    const node = `${prefix}-${name}`;
    ip('netns', 'add', node);
    ip('-n', node, 'link', 'set', 'lo', 'up');
    for (const [number, wire] of WIRES.entries()) {
      const port = `${name}-${wire}`;
      ip('-n', theSwitch, 'link', 'add', port, 'type', 'veth', 'peer', 'name', wire, 'netns', node);
      ip('-n', theSwitch, 'link', 'set', port, 'master', wire, 'up');
      ip('-n', node, 'addr', 'add', `${host(number, index)}/29`, 'dev', wire);
      ip('-n', node, 'link', 'set', wire, 'up');
    }
  }
  return {
    place: (name) => ({
      clientHost: host(0, names.indexOf(name)),
      routeHost: host(1, names.indexOf(name)),
      through: ['ip', 'netns', 'exec', `${prefix}-${name}`],
    }),
    // The wire stays up at the node's end: nothing tells it, as behind a switch that fails.
    cut: (name, cut) => {
      for (const wire of cut === 'routes' ? (['routes'] as const) : WIRES)
        ip('-n', theSwitch, 'link', 'set', `${name}-${wire}`, 'nomaster');
    },
    mend: (name) => {
      for (const wire of WIRES) ip('-n', theSwitch, 'link', 'set', `${name}-${wire}`, 'master', wire);
    },
  };
}

/** By a process of its own, which outlives this one: however this one ends, the namespaces go. */
function removeWithThisProcess(wire: string, namespaces: readonly string[]): () => Promise<void> {
  // The kernel takes a namespace away later, a wire at once.
  const script = 'read -r word; ip link del "$1"; shift; for name in "$@"; do ip netns del "$name"; done';
  const stdio = ['pipe', 'ignore', 'ignore'] as const;
  const remover = spawn('/bin/sh', ['-c', script, 'sh', wire, ...namespaces], {
    stdio: [...stdio],
    detached: true,
    cwd: '/',
  });
  const ended = once(remover, 'exit');
  remover.unref();
  (remover.stdin as unknown as { unref(): void }).unref();
  return async () => {
    remover.ref();
    remover.stdin.end();
    await ended;
  };
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}
