/** An environment variable that holds a key, and an origin (`https://api.example.com`) that may be sent it. */
export interface KeyPermit {
  readonly env: string;
  readonly origin: string;
}

/**
 * Whether an endpoint that is registered over HTTP may use a variable of the service's environment as its key. Without
 * this, whoever may register an endpoint could have any variable sent to a server of their own.
 *
 * @param origin of the endpoint's base URL, as `URL.origin` writes it
 */
export function mayUseKey(permits: readonly KeyPermit[], env: string, origin: string): boolean {
  return permits.some((permit) => permit.env === env && permit.origin === origin);
}
