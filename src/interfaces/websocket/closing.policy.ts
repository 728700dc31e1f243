/**
 * Why the service closes a WebSocket. The codes below 4000 are those of RFC 6455 and of its registry; clients that
 * reconnect by themselves do so at 1001 and 1013.
 *
 * - `unauthorized`: no key in time, a key that is not known, or one that has expired.
 * - `not_text`: a binary frame; all frames are JSON.
 * - `frame_too_large`: here by a client that has not shown its key yet; any other one is told by the protocol itself.
 * - `too_slow`: it does not read what it asked for.
 * - `idle`: it subscribes to nothing, and has sent nothing for long.
 */
export const CLOSINGS = {
  service_stopping: { status: 1001, message: 'The service is stopping. Connect again.' },
  not_text: { status: 1003, message: 'A frame was binary. Frames are texts in JSON.' },
  frame_too_large: { status: 1009, message: 'Too much was sent before the key.' },
  too_slow: {
    status: 1013,
    message: 'What was asked for is not read fast enough. Connect again and resume.',
  },
  unauthorized: { status: 4401, message: 'The key does not hold.' },
  idle: { status: 4408, message: 'Nothing was subscribed to, and nothing was sent for too long.' },
  too_many_frames: {
    status: 4429,
    message: 'More frames were sent than server.websocket.max_frames_per_second allows.',
  },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly message: string }>>;

export type Closing = keyof typeof CLOSINGS;

/** How a WebSocket ended, for the metrics: by the service, by the client, by an error of the protocol, or unheard. */
export const ENDINGS = [...(Object.keys(CLOSINGS) as Closing[]), 'client', 'protocol_error', 'dead'] as const;
export type Ending = (typeof ENDINGS)[number];
