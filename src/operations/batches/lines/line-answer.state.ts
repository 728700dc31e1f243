/** How the end of a message is told. */
export type LineAnswer =
  | { readonly kind: 'response'; readonly statusCode: number; readonly body: object }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };
