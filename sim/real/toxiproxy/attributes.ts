/**
 * What a toxic may be told: the JSON of Toxiproxy's API, checked before it can reach a link. The real server crashes on
 * a negative bandwidth and on an empty slicer; here every number has a range and a wrong one is a 400.
 */
import { ApiError } from './api-error.ts';

export type ToxicType =
  | 'latency'
  | 'bandwidth'
  | 'slow_close'
  | 'timeout'
  | 'reset_peer'
  | 'slicer'
  | 'limit_data';
export type Direction = 'upstream' | 'downstream';
export type Attributes = Readonly<Record<string, number>>;

/** One toxic as the API shows it. */
export interface ToxicJson {
  attributes: Attributes;
  name: string;
  type: ToxicType;
  stream: Direction;
  toxicity: number;
}

const HOUR_MS = 3_600_000;

/** Highest value by type and attribute; each attribute is a whole number from 0. */
const RANGES: Readonly<Record<ToxicType, Readonly<Record<string, number>>>> = {
  latency: { latency: HOUR_MS, jitter: HOUR_MS },
  bandwidth: { rate: 1e9 },
  slow_close: { delay: HOUR_MS },
  timeout: { timeout: HOUR_MS },
  reset_peer: { timeout: HOUR_MS },
  slicer: { average_size: 1 << 24, size_variation: 1 << 24, delay: HOUR_MS * 1000 },
  limit_data: { bytes: Number.MAX_SAFE_INTEGER },
};

const NAME = /^[A-Za-z0-9._:-]{1,128}$/;

/** Reads the body of POST /proxies/{proxy}/toxics. Throws ApiError 400. */
export function readToxic(body: unknown): ToxicJson {
  const object = readObject(body);
  const type = object['type'];
  const stream = object['stream'] ?? 'downstream';
  if (stream !== 'upstream' && stream !== 'downstream') {
    throw new ApiError(400, 'stream was invalid, can be either upstream or downstream');
  }
  if (typeof type !== 'string' || !Object.hasOwn(RANGES, type)) throw new ApiError(400, 'invalid toxic type');
  const toxicType = type as ToxicType;
  const given = object['name'];
  const name = given === undefined || given === '' ? `${type}_${stream}` : readName(given);
  const attributes = readAttributes(toxicType, object['attributes'], null);
  return { attributes, name, type: toxicType, stream, toxicity: readToxicity(object['toxicity'], 1) };
}

/** Reads the body of an update: attributes that are not given stay. Throws ApiError 400. */
export function readToxicUpdate(
  toxic: ToxicJson,
  body: unknown,
): { attributes: Attributes; toxicity: number } {
  const object = readObject(body);
  return {
    attributes: readAttributes(toxic.type, object['attributes'], toxic.attributes),
    toxicity: readToxicity(object['toxicity'], toxic.toxicity),
  };
}

export function readObject(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError(400, 'bad request body: a JSON object is needed');
  }
  return body as Record<string, unknown>;
}

export function readName(value: unknown): string {
  if (value === undefined || value === '') throw new ApiError(400, 'missing required field: name');
  if (typeof value !== 'string' || !NAME.test(value)) {
    throw new ApiError(400, 'bad request body: a name has 1 to 128 of A-Z a-z 0-9 . _ : -');
  }
  return value;
}

function readToxicity(value: unknown, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw new ApiError(400, 'bad request body: toxicity is a number from 0 to 1');
  }
  return value;
}

function readAttributes(type: ToxicType, value: unknown, before: Attributes | null): Attributes {
  const given = value === undefined || value === null ? {} : readObject(value);
  const attributes: Record<string, number> = {};
  for (const [name, max] of Object.entries(RANGES[type])) {
    const number = given[name] ?? before?.[name] ?? 0;
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0 || number > max) {
      throw new ApiError(400, `bad request body: ${type}.${name} is a whole number from 0 to ${max}`);
    }
    attributes[name] = number;
  }
  if (type === 'slicer') checkSlicer(attributes);
  return attributes;
}

function checkSlicer(attributes: Attributes): void {
  const { average_size: average = 0, size_variation: variation = 0 } = attributes;
  if (average < 1) throw new ApiError(400, 'bad request body: slicer.average_size is at least 1');
  if (variation >= average) {
    throw new ApiError(400, 'bad request body: slicer.size_variation is smaller than average_size');
  }
}
