import { assertNever } from '../../domain/assert-never.js';
import type { LogRoomState } from './log-room.policy.js';

/** For clients: what is the matter, without what is the operator's affair. */
export function reasonForClients({ kind }: LogRoomState): string {
  return kind === 'disk_reserve' || kind === 'disk_full'
    ? 'its disk has no room for new messages'
    : 'its store has no room for new messages';
}

/** For operators: what is the matter, with the figures, and what to do. One paragraph. */
export function adviceOn(state: LogRoomState, embedded: boolean): string {
  switch (state.kind) {
    case 'open':
      return 'New messages are accepted.';
    case 'disk_reserve':
      return `The disk of the log has ${mib(state.freeBytes)} free, and new messages need ${mib(state.neededBytes)} (nats.reserve_bytes). They are refused; messages under way go on. Free space on the disk.`;
    case 'store_reserve':
      return `The store of the log holds ${mib(state.usedBytes)} of at most ${mib(state.limitBytes)}, and new messages need ${mib(state.neededBytes)} more (nats.reserve_bytes). They are refused; messages under way go on. ${raise(embedded)}`;
    case 'store_full':
      return `The store of the log is full (${state.reason}): nothing is stored. ${raise(embedded)}`;
    case 'disk_full':
      return `The disk of the log is full: nothing is stored (${state.reason}). ${
        embedded
          ? 'Free space on it: then the embedded NATS is started again by itself, and all goes on.'
          : 'Free space on it and restart nats-server, which keeps the error until then.'
      }`;
    case 'unsure':
    case 'not_storing':
      return `The log has stored nothing for ${Math.round(state.forMs / 1_000)} s although NATS is connected (${state.reason}). ${
        embedded
          ? 'See logs/nats.log in the data folder.'
          : "Look at the nats-server's disk and its log. If the disk was full, free space and restart nats-server: it keeps a write error until then."
      }`;
    default:
      return assertNever(state);
  }
}

function raise(embedded: boolean): string {
  return embedded
    ? 'Raise nats.max_store_bytes, or give the disk more room.'
    : "Raise the account's or the server's limit of file storage, or the stream's max_bytes.";
}

function mib(bytes: number): string {
  return `${Math.floor(bytes / (1024 * 1024))} MiB`;
}
