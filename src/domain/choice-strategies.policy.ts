/** Ways to choose among the endpoints of a model. */
export const CHOICE_STRATEGIES = [
  'round_robin',
  'weighted_round_robin',
  'weighted_random',
  'least_connections',
  'adaptive_load',
  // The name of `least_connections` before there were others.
  'least_busy',
] as const;
export type ChoiceStrategy = (typeof CHOICE_STRATEGIES)[number];
