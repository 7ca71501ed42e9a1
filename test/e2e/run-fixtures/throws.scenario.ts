// Fails when it is loaded.
export const reason = 'no good';

throw new RangeError(`it is ${reason}`);
