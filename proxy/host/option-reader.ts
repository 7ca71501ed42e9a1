/** Reads one option after the other, flags before file, with an error that names the flag. */
import { parseAddress, parseWeighted } from '../policy/address.ts';
import { WEIGHT_MAX } from '../policy/config.ts';
import { SidecarError } from '../policy/trouble.ts';
import { DEFAULT_TAG, keyOf } from './flags.ts';
import type { RawOptions } from './flags.ts';
import { RANGES, type Range, type RangeName, rangeText } from './ranges.ts';

export class OptionReader {
  readonly #flags: RawOptions;
  readonly #file: RawOptions;

  constructor(flags: RawOptions, file: RawOptions) {
    this.#flags = flags;
    this.#file = file;
  }

  #raw(name: string): string | boolean | undefined {
    return this.#flags[name] ?? this.#file[name];
  }

  #wrong(name: string, text: string, wanted: string): SidecarError {
    return this.refusal(name, `${JSON.stringify(text)} is not ${wanted}`, `give ${wanted}`);
  }

  /** Trouble with an option that is given, told with the place where it is. */
  refusal(name: string, message: string, remedy: string): SidecarError {
    if (this.#flags[name] !== undefined) return usage(message, `--${name}`, remedy);
    const place = `${keyOf(name)} in the configuration file`;
    return new SidecarError('MW_CONFIG', message, { place, remedy });
  }

  /** It is said, whatever. */
  has(name: string): boolean {
    return this.#raw(name) !== undefined;
  }

  flag(name: string): boolean {
    return this.#raw(name) === true;
  }

  text(name: string): string | null {
    const value = this.#raw(name);
    return typeof value === 'string' ? value : null;
  }

  /** What the flag says and what the file says. */
  both(name: string): [flag: string | null, file: string | null] {
    const [flag, file] = [this.#flags[name], this.#file[name]];
    return [typeof flag === 'string' ? flag : null, typeof file === 'string' ? file : null];
  }

  /** Endpoints, each once. */
  list(name: string): string[] {
    const items = (this.text(name) ?? '').split(',').map((item) => item.trim());
    const given = items.filter((item) => item !== '');
    const seen = new Set<string>();
    for (const item of given) {
      const parsed = parseWeighted(item);
      if (parsed === null)
        throw this.#wrong(
          name,
          item,
          `HOST:PORT or HOST:PORT=WEIGHT (1 to ${WEIGHT_MAX}), or several separated by commas`,
        );
      const { address } = parsed;
      if (seen.has(address))
        throw this.refusal(name, `${address} stands there twice`, 'give it once; its share is its weight');
      seen.add(address);
    }
    return given;
  }

  address(name: string): string | null {
    const text = this.text(name);
    if (text === null) return null;
    if (parseAddress(text, true) === null) throw this.#wrong(name, text, 'HOST:PORT');
    return text;
  }

  /** As `address`, but of somebody else: port 0 is none. */
  endpoint(name: string): string | null {
    const text = this.text(name);
    if (text !== null && parseAddress(text) === null) throw this.#wrong(name, text, 'HOST:PORT');
    return text;
  }

  /** A header's name, in lower case (RFC 9110 §5.6.2), or a pseudo-header's. */
  header(name: string, fallback: string): string {
    const header = (this.text(name) ?? fallback).toLowerCase();
    if (header === '' || /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(header)) return header;
    throw this.refusal(
      name,
      `${JSON.stringify(header)} names no header`,
      'use letters, digits and dashes, e.g. x-user-id',
    );
  }

  choice<T extends string>(name: string, known: readonly T[], fallback: T): T {
    const text = this.text(name);
    if (text === null || known.includes(text as T)) return (text ?? fallback) as T;
    throw this.#wrong(name, text, `one of ${known.join(', ')}`);
  }

  loopback(name: string): string | null {
    const text = this.address(name);
    if (text === null) return null;
    const host = parseAddress(text, true)?.host ?? '';
    if (!/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host))
      throw this.#wrong(name, text, 'a loopback address with port');
    return text;
  }

  tag(): string | null {
    const value = this.#raw('tag');
    if (value === true) return DEFAULT_TAG;
    if (typeof value !== 'string') return null;
    if (value === '' || Buffer.byteLength(value) > 1_024)
      throw this.#wrong('tag', value, 'a text of 1 to 1024 octets');
    return value;
  }

  /** `bounds`: narrower than the option's own range, where another option sets them. */
  number(name: string, fallback: number, bounds: Partial<Range> = {}): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const range: Range = { ...RANGES[keyOf(name) as RangeName], ...bounds };
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    const fits = value >= range.least && value <= range.most && (!range.isWhole || Number.isInteger(value));
    if (!fits) throw this.#wrong(name, text, rangeText(range));
    return value;
  }

  statuses(name: string, fallback: readonly number[]): readonly number[] {
    const text = this.text(name);
    if (text === null) return fallback;
    const items = text.split(',').map((item) => item.trim());
    for (const item of items) {
      if (!/^\d{1,2}$/.test(item) || Number(item) < 1 || Number(item) > 16) {
        throw this.#wrong(name, text, 'grpc-status numbers from 1 to 16, separated by commas');
      }
    }
    return items.map(Number);
  }

  nanoseconds(name: string): bigint {
    const text = this.text(name);
    if (text === null) return process.hrtime.bigint();
    if (!/^\d{1,19}$/.test(text)) throw this.#wrong(name, text, 'whole nanoseconds');
    return BigInt(text);
  }
}

/** Trouble with a flag or an argument. */
export function usage(message: string, place: string, remedy: string): SidecarError {
  return new SidecarError('MW_USAGE', message, { place, remedy });
}
