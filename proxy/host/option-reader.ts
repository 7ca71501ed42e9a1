/** Reads one option after the other, flags before file, with an error that names the flag. */
import { parseAddress, parseWeighted } from '../policy/address.ts';
import { WEIGHT_MAX } from '../policy/config.ts';
import { SidecarError } from '../policy/trouble.ts';
import { DEFAULT_TAG } from './flags.ts';
import type { RawOptions } from './flags.ts';

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
    const place = this.#flags[name] === undefined ? `${name} in the configuration file` : `--${name}`;
    return usage(`${JSON.stringify(text)} is not ${wanted}`, place, `give ${wanted}`);
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

  list(name: string): string[] {
    const items = (this.text(name) ?? '').split(',').map((item) => item.trim());
    const given = items.filter((item) => item !== '');
    for (const item of given) {
      if (parseWeighted(item) === null)
        throw this.#wrong(
          name,
          item,
          `HOST:PORT or HOST:PORT=WEIGHT (1 to ${WEIGHT_MAX}), or several separated by commas`,
        );
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
    if (Buffer.byteLength(value) > 1_024) throw this.#wrong('tag', value, 'a text of at most 1024 octets');
    return value;
  }

  number(name: string, fallback: number, least: number, most: number): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most))
      throw this.#wrong(name, text, `a number from ${least} to ${most}`);
    return value;
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const value = this.number(name, fallback, least, most);
    if (Number.isInteger(value)) return value;
    throw this.#wrong(name, String(value), `a whole number from ${least} to ${most}`);
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
