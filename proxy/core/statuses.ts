/** The two tables by which a failure without grpc-status becomes one (gRPC PROTOCOL-HTTP2 and http-grpc-status-mapping). */

export const GRPC = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** RFC 9113 §7. */
export const H2 = {
  noError: 0,
  internalError: 2,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
} as const;

/** The grpc-status for a stream that ended by RST_STREAM `code` (MS-17). A negative code: the connection was lost. */
export function statusOfReset(code: number): number {
  if (code < 0 || code === H2.refusedStream) return GRPC.unavailable;
  if (code === H2.cancel) return GRPC.cancelled;
  if (code === H2.enhanceYourCalm) return GRPC.resourceExhausted;
  if (code === H2.inadequateSecurity) return GRPC.permissionDenied;
  return GRPC.internal;
}

/** The grpc-status for a response that has none, from its HTTP status (MS-05). */
export function statusOfHttp(status: number): number {
  switch (status) {
    case 400:
    case 431:
      return GRPC.internal;
    case 401:
      return GRPC.unauthenticated;
    case 403:
      return GRPC.permissionDenied;
    case 404:
      return GRPC.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GRPC.unavailable;
    default:
      return GRPC.unknown;
  }
}

/** The HTTP status of an answer made here to a request that is not gRPC. */
export function httpOfStatus(grpcStatus: number): number {
  if (grpcStatus === GRPC.unavailable) return 503;
  return grpcStatus === GRPC.deadlineExceeded ? 504 : 502;
}
