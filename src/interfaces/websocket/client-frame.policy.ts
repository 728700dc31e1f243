/** What every frame has: where its answer goes, and who answers. */
export interface FrameHead {
  /** Null where there is none that could be told back. */
  readonly requestId: string | null;
  readonly type: string | null;
}

const MAX_REQUEST_ID_LENGTH = 256;

/** Of any JSON value: the head is found where there is one, so that a refusal of the rest finds its request. */
export function headOf(frame: unknown): FrameHead {
  const { request_id: requestId, type } = isObject(frame) ? frame : {};
  const known = typeof requestId === 'string' && requestId.length > 0;
  return {
    requestId: known && requestId.length <= MAX_REQUEST_ID_LENGTH ? requestId : null,
    type: typeof type === 'string' ? type : null,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
