import type { FrameClient } from '../websocket/frame-client.js';
import type { EventOut } from './response-form.js';

/** What a client's frame asks for. */
export const CREATE = 'response.create';
/** It goes out again with each event. */
export const MAX_STREAM_ID = 256;

/** The events of one response as frames of a WebSocket, where each may be one of several. */
export class FrameOut implements EventOut {
  /** @param streamId by which its client tells it from others; null where it gave none */
  constructor(
    private readonly client: FrameClient,
    private readonly streamId: string | null,
  ) {}

  begin(): void {}

  /** What waits is told by pings: they keep the connection as well. */
  comment(): void {}

  event(_name: string, json: object): void {
    this.client.send(this.streamId === null ? json : { ...json, stream_id: this.streamId });
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.client.ready(signal);
  }

  /** The WebSocket stays open for the next response. */
  end(): void {}
}
