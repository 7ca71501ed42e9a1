/**
 * What an endpoint says of its load in the trailer `endpoint-load-metrics-bin` (gRFC A51): base64 of an OrcaLoadReport, of which four fields
 * count. Everything else in it is skipped; what is no such message is null.
 */

export const LOAD_REPORT_TRAILER = 'endpoint-load-metrics-bin';

export interface LoadReport {
  /** 0 where it says nothing. Of its own choice of measure, and of the processor, in parts of what it can bear; may pass 1. */
  applicationUtilization: number;
  cpuUtilization: number;
  /** Calls, and errors, in a second. */
  callsPerSecond: number;
  errorsPerSecond: number;
}

/** Longer ones are not read: named metrics may be many, but a trailer has to stay one. */
const TEXT_MAX = 8_192;
const OCTETS = new Uint8Array((TEXT_MAX / 4) * 3);
const VIEW = new DataView(OCTETS.buffer);

/** Numbers of OrcaLoadReport's fields; all are doubles. */
const FIELDS: Readonly<Record<number, keyof LoadReport>> = {
  1: 'cpuUtilization',
  6: 'callsPerSecond',
  7: 'errorsPerSecond',
  9: 'applicationUtilization',
};

export function readLoadReport(text: string): LoadReport | null {
  const length = decode(text);
  if (length < 0) return null;
  const report = { applicationUtilization: 0, cpuUtilization: 0, callsPerSecond: 0, errorsPerSecond: 0 };
  for (let at = 0; at < length; ) {
    const tag = OCTETS[at++] as number;
    // Fields above 15 do not exist there: their tag would be longer than one octet.
    if (tag >= 0x80 || tag < 0x08) return null;
    const type = tag & 7;
    if (type === 1) {
      if (at + 8 > length) return null;
      const name = FIELDS[tag >> 3];
      const value = VIEW.getFloat64(at, true);
      at += 8;
      if (name === undefined) continue;
      if (!(value >= 0 && value < Infinity)) return null;
      report[name] = value;
      continue;
    }
    at = skip(type, at, length);
    if (at < 0) return null;
  }
  return report;
}

/** Where the field ends; -1: not within the message. */
function skip(type: number, from: number, length: number): number {
  if (type === 5) return from + 4 <= length ? from + 4 : -1;
  if (type !== 0 && type !== 2) return -1;
  let [at, value] = [from, 0];
  for (let scale = 1; ; scale *= 128) {
    if (at >= length || at - from === 10) return -1;
    const octet = OCTETS[at++] as number;
    value += (octet & 0x7f) * scale;
    if (octet < 0x80) break;
  }
  if (type === 0) return at;
  return at + value <= length ? at + value : -1;
}

/** Base64, with its padding or without, into `OCTETS`: how many there are; -1: it is none. */
function decode(text: string): number {
  let end = text.length;
  if (end > TEXT_MAX) return -1;
  while (end > 0 && text.length - end < 2 && text[end - 1] === '=') end--;
  if (end % 4 === 1 || (end < text.length && text.length % 4 !== 0)) return -1;
  let [length, bits, count] = [0, 0, 0];
  for (let at = 0; at < end; at++) {
    const six = sixBits(text.charCodeAt(at));
    if (six < 0) return -1;
    bits = ((bits << 6) | six) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    OCTETS[length++] = (bits >> count) & 0xff;
  }
  return length;
}

function sixBits(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x47;
  if (code >= 0x30 && code <= 0x39) return code + 4;
  if (code === 0x2b) return 62;
  return code === 0x2f ? 63 : -1;
}
