/**
 * Upper bounds of the buckets that durations and counts are told in. Those of calls to models are the ones that
 * OpenTelemetry's GenAI conventions give for `gen_ai.client.operation.duration` and `gen_ai.client.token.usage`.
 */
export const CALL_SECONDS: readonly number[] = [
  ...[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64],
  ...[1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
];

/** The same, and on up to some six hours: a message of the lane `low` may wait for as long as that. */
export const MESSAGE_SECONDS: readonly number[] = [...CALL_SECONDS, 327.68, 1_310.72, 5_242.88, 20_971.52];

export const CALL_TOKENS: readonly number[] = [
  ...[1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536],
  ...[262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864],
];

/** Those of OpenTelemetry's `http.server.request.duration`, and on: an answer that is streamed takes its time. */
export const REQUEST_SECONDS: readonly number[] = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1],
  ...[2.5, 5, 7.5, 10, 30, 60, 120, 300],
];
