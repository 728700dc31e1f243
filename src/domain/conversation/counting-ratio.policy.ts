/** What a chat template adds to a short list says nothing of how a model counts. */
const LEAST_TOKENS = 200;
/** A list with pictures may count many times what it was taken for; that is not the model's way to count texts. */
const MOST = 1.5;
/** How fast a ratio that proved too high comes down. */
const EASING = 1 / 20;

/**
 * How many tokens a model counts where the service counts one, as far as its answers tell. It rises at once, since a list
 * that is too long is refused with each further turn, and falls slowly.
 *
 * @param ratio so far; 1 before anything is known
 * @param estimated of the list that was sent
 * @param told by the endpoint for the same list
 */
export function ratioAfter(ratio: number, estimated: number, told: number): number {
  if (estimated < LEAST_TOKENS || told <= 0) return ratio;
  const seen = Math.min(MOST, Math.max(1, told / estimated));
  return seen > ratio ? seen : ratio - (ratio - seen) * EASING;
}
