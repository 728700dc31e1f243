/** Where a webhook goes, as people and the switch for receivers know it: without its query, which may be of one message. */
export function receiverOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** What shares the places for webhooks under way. */
export function serverOf(url: string): string {
  return new URL(url).origin;
}
