/** Trouble that the API answers as `{"error","status"}`, as Toxiproxy does. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}
