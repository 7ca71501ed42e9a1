/**
 * The child's half of the messages: the parent asks (`id`), the child answers; the child sends events whenever it likes.
 * Messages are structured clones between our own processes.
 */

export interface Request {
  id: number;
  op: string;
  [field: string]: unknown;
}

export type FromChild =
  | { type: 'ready'; [field: string]: unknown }
  | { type: 'events'; fields: Float64Array }
  | { type: 'reply'; id: number; value: unknown; error: string | null }
  | { type: 'settled' }
  | { type: 'failed'; message: string };

/** Sends to the parent; when it is gone there is nobody to tell. */
export function toParent(message: FromChild): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Answers the parent's requests with `handle`. What it throws goes back as the error. */
export function answerParent(handle: (request: Request) => Promise<unknown>): void {
  process.on('message', (message: Request) => {
    handle(message).then(
      (value) => toParent({ type: 'reply', id: message.id, value, error: null }),
      (error: unknown) => toParent({ type: 'reply', id: message.id, value: null, error: String(error) }),
    );
  });
}
