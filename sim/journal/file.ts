/**
 * The journal on disk: `*.journal.jsonl`, one JSON line per event between a header and a footer; every line ends with a
 * CRC-32. A file has a cap: what comes after it is judged and hashed all the same, only not written.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { MeshwrightError } from '../base/errors.ts';
import { Kind, RECORD_WORDS } from './events.ts';
import type { EventView } from './events.ts';
import { type ChunkConsumer, loadEvent, newEventView } from './journal.ts';

export const JOURNAL_FORMAT = 1;
/** Some two million events. */
const BYTES_MAX = 256 * 1024 * 1024;
const FOOTER_BYTES_MAX = 256;

/** First line of the file. */
export interface JournalHeader {
  seed: number;
  world: string;
  scenario: string;
  configHash: string;
  engine: string;
  instances: readonly string[];
}

/** The two calls that a full disk fails; tests give others. */
export interface FileCalls {
  openSync(path: string, flags: string, mode: number): number;
  writeSync(fd: number, octets: Uint8Array, offset: number): number;
  closeSync(fd: number): void;
}

const KIND_NAMES: readonly string[] = Object.entries(Kind).reduce<string[]>((names, [name, kind]) => {
  names[kind] = name;
  return names;
}, []);

/** Writes chunks as they come; each write is done before the run goes on, so a slow disk slows the load and drops nothing. */
export class JournalFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #names: readonly string[];
  readonly #bytesMax: number;
  readonly #calls: FileCalls;
  readonly #view = newEventView();
  #bytes = 0;
  #count = 0;
  #skipped = 0;
  #open = true;
  #trouble: MeshwrightError | null = null;

  /** Throws MeshwrightError MW_JOURNAL when the file cannot be made. `bytesMax`: the file never grows beyond. */
  constructor(
    path: string,
    header: JournalHeader,
    bytesMax = BYTES_MAX,
    calls: FileCalls = { openSync, writeSync, closeSync },
  ) {
    this.#path = path;
    this.#names = header.instances.map((name) => ascii(name));
    this.#bytesMax = bytesMax;
    this.#calls = calls;
    try {
      this.#fd = calls.openSync(path, 'w', 0o600);
    } catch (error) {
      throw this.#troubleOf(error);
    }
    this.#write(sealed({ format: JOURNAL_FORMAT, ...header }));
    if (this.#trouble !== null) throw this.#trouble;
  }

  /** Set once a write failed: nothing was written after it, and the run must not be called good. */
  get trouble(): MeshwrightError | null {
    return this.#trouble;
  }

  /** The cap and the number of events in the file, when there were more than the cap has room for. */
  get cut(): { bytesMax: number; events: number } | null {
    return this.#skipped === 0 ? null : { bytesMax: this.#bytesMax, events: this.#count };
  }

  /** Give this to `journal.onChunk`. Never throws: a world must not be torn open in the middle of a step; see `trouble`. */
  readonly consume: ChunkConsumer = (words, records, firstSeq) => {
    if (!this.#open) return;
    if (this.#skipped > 0) {
      this.#skipped += records;
      return;
    }
    let text = '';
    for (let record = 0; record < records; record++) {
      loadEvent(this.#view, words, record * RECORD_WORDS, firstSeq + record);
      text += this.#line(this.#view);
    }
    if (this.#bytes + text.length + FOOTER_BYTES_MAX > this.#bytesMax) {
      this.#skipped = records;
      return;
    }
    this.#count += records;
    this.#write(text);
  };

  /** Footer, and the end. `hash` is what `journal.finish()` gave. Throws MW_JOURNAL when anything could not be written. */
  finish(hash: string): void {
    const cut = this.#skipped === 0 ? {} : { cut: this.#bytesMax, skipped: this.#skipped };
    this.#write(sealed({ footer: true, count: this.#count, hash, ...cut }));
    this.close();
    if (this.#trouble !== null) throw this.#trouble;
  }

  /** Ends without a footer: a reader will say that the file is cut short. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#calls.closeSync(this.#fd);
    } catch (error) {
      // Some file systems tell only now that the disk is full.
      this.#trouble ??= this.#troubleOf(error);
    }
  }

  /** As JSON.stringify would write it, in a third of the time. */
  #line({ seq, kind, sidecar, tNs, call, attempt, instance, code, detail }: EventView): string {
    const name = this.#names[instance] ?? 'null';
    const text = `{"seq":${seq},"kind":"${KIND_NAMES[kind] ?? kind}","tNs":${tNs},"call":${call},"attempt":${attempt},"instance":${instance},"name":${name},"code":${code},"detail":${detail},"sidecar":${sidecar}`;
    return `${text},"crc":"${hex(crc32(text))}"}\n`;
  }

  #write(text: string): void {
    if (!this.#open) return;
    const octets = Buffer.from(text, 'latin1');
    try {
      for (let at = 0; at < octets.length; ) {
        const written = this.#calls.writeSync(this.#fd, octets, at);
        at += written;
        this.#bytes += written;
      }
    } catch (error) {
      this.#trouble = this.#troubleOf(error);
      this.close();
    }
  }

  #troubleOf(error: unknown): MeshwrightError {
    const said = error instanceof Error ? error.message : String(error);
    const message = `the journal cannot be written: ${said}; ${this.#bytes} bytes were written`;
    return new MeshwrightError('MW_JOURNAL', message, {
      place: this.#path,
      remedy: 'free space or choose another folder',
      cause: error,
    });
  }
}

/** What could be read. `trouble` is null for a whole file; else everything before its offset is good. */
export interface JournalReading {
  header: (JournalHeader & { format: number }) | null;
  events: EventView[];
  hash: string | null;
  trouble: { offset: number; message: string } | null;
}

/** Reads a file. Throws MeshwrightError MW_JOURNAL only when it cannot be read at all. */
export function readJournalFile(path: string): JournalReading {
  let octets: Buffer;
  try {
    octets = readFileSync(path);
  } catch (error) {
    throw new MeshwrightError('MW_JOURNAL', 'the journal cannot be read', { place: path, cause: error });
  }
  return parseJournal(octets);
}

/** The same for octets in memory; never throws. */
export function parseJournal(octets: Buffer): JournalReading {
  const reading: JournalReading = { header: null, events: [], hash: null, trouble: null };
  let offset = 0;
  let cut: JournalReading['trouble'] = null;
  const stop = (message: string): JournalReading => ({ ...reading, trouble: { offset, message } });
  while (offset < octets.length) {
    const end = octets.indexOf(10, offset);
    if (end < 0) return stop('the last line is cut short');
    if (reading.hash !== null) return stop('there is more after the footer');
    const line = unsealed(octets.subarray(offset, end));
    if (line === null) return stop('the line is damaged: its checksum does not fit');
    if (reading.header === null) {
      if (line['format'] !== JOURNAL_FORMAT) return stop(`format ${String(line['format'])} is not known`);
      reading.header = line as unknown as NonNullable<JournalReading['header']>;
    } else if (line['footer'] === true) {
      if (line['count'] !== reading.events.length)
        return stop('the footer counts other events than there are');
      reading.hash = String(line['hash']);
      if (line['cut'] !== undefined) {
        const said = `the file was ended at its cap of ${String(line['cut'])} bytes`;
        cut = { offset, message: `${said}: ${String(line['skipped'])} more events were not written` };
      }
    } else {
      if (line['seq'] !== reading.events.length) return stop(`event ${reading.events.length} is missing`);
      reading.events.push(eventOf(line));
    }
    offset = end + 1;
  }
  if (reading.hash === null) return stop('there is no footer: the file is cut short');
  return { ...reading, trouble: cut };
}

function eventOf(line: Record<string, unknown>): EventView {
  const { name: _name, kind, ...rest } = line;
  return { ...(rest as unknown as EventView), kind: Math.max(0, KIND_NAMES.indexOf(String(kind))) as Kind };
}

function sealed(value: object): string {
  const text = ascii(value).slice(0, -1);
  return `${text},"crc":"${hex(crc32(text))}"}\n`;
}

/** JSON in ASCII alone, so that characters are octets. */
function ascii(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}

const SEAL_BYTES = ',"crc":"00000000"}'.length;

function unsealed(line: Buffer): Record<string, unknown> | null {
  const cut = line.length - SEAL_BYTES;
  if (cut < 1) return null;
  const text = line.subarray(0, cut);
  const seal = `,"crc":"${hex(crc32(text))}"}`;
  if (line.toString('latin1', cut) !== seal) return null;
  try {
    return JSON.parse(`${text.toString()}}`) as Record<string, unknown>;
  } catch {
    return null;
  }
}
