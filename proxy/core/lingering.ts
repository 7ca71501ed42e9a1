/** The mark of a caller's stream whose answer is complete but not yet taken, while the caller still uploads. */
export const LINGERING: unknown = Object.freeze({ lingering: true });
