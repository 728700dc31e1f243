/** What one run of the load generator does. */
export interface ChatLoad {
  /** Ending in `/v1`. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Default `chat`. */
  readonly api?: 'chat' | 'responses';
  readonly pieces: number;
  readonly streamed: boolean;
  /** Requests at once; each connection sends its next request when the last one is answered. */
  readonly atOnce: number;
  /** Requests in all. */
  readonly requests: number;
  /** How long a connection rests between two requests; for measuring an idle system. */
  readonly restMs: number;
}

/** What the clients saw. Times in milliseconds; medians where nothing else is said. */
export interface ChatLoadResult {
  readonly perSecond: number;
  /** From the request to the end of its answer. */
  readonly totalMs: number;
  /** From the request to the first piece of a stream; null where it is not streamed. */
  readonly firstPieceMs: number | null;
  /** The same, of the slowest of a hundred. */
  readonly firstPieceP99Ms: number | null;
  /** From the endpoint's write of a piece to the client that reads it; null where it is not streamed. */
  readonly pieceLagMs: number | null;
}
