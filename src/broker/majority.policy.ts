/** What the broker tells of the servers that keep a stream, as its API names it. Absent on a server without a cluster. */
export interface ClusterStanding {
  readonly leader?: string;
  /** The other servers with a copy. */
  readonly replicas?: readonly {
    readonly name: string;
    readonly offline?: boolean;
    /** Nanoseconds since the leader heard of it. */
    readonly active: number;
  }[];
}

/** Followers answer their leader each second; this many in a row are missing before they count as away. */
const HEARD_WITHIN_NS = 5_000_000_000;

/**
 * Why nothing can be stored in a stream now; null where a majority of its copies is there. A leader that lost its followers
 * goes on answering questions for a while, so it is asked when it heard of each of them last.
 */
export function withoutMajority(cluster: ClusterStanding | undefined): string | null {
  if (cluster === undefined) return null;
  const others = cluster.replicas ?? [];
  const copies = others.length + 1;
  if ((cluster.leader ?? '') === '') return 'the stream of the log has no leader, so nothing can be stored';
  const away = others.filter(({ offline, active }) => offline === true || active > HEARD_WITHIN_NS);
  const there = copies - away.length;
  if (there > copies / 2) return null;
  const names = away.map(({ name }) => name).join(', ');
  return `only ${there} of ${copies} NATS servers with a copy of the log are heard (not ${names}), which is no majority, so nothing can be stored`;
}
