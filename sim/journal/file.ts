/** The journal on disk: `journal.jsonl`, one JSON line per event between a header and a footer; every line ends with a CRC-32. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { MeshwrightError } from '../base/errors.ts';
import { type EventView, Kind, RECORD_WORDS } from './events.ts';
import { type ChunkConsumer, loadEvent, newEventView } from './journal.ts';

export const JOURNAL_FORMAT = 1;
const BYTES_MAX = 4 * 1024 * 1024 * 1024;

/** First line of the file. */
export interface JournalHeader {
  seed: number;
  world: string;
  scenario: string;
  configHash: string;
  engine: string;
  instances: readonly string[];
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
  readonly #view = newEventView();
  #bytes = 0;
  #count = 0;
  #open = true;

  /** Throws MeshwrightError MW_JOURNAL when the file cannot be made. `bytesMax`: the file never grows beyond. */
  constructor(path: string, header: JournalHeader, bytesMax = BYTES_MAX) {
    this.#path = path;
    this.#names = header.instances;
    this.#bytesMax = bytesMax;
    try {
      this.#fd = openSync(path, 'w');
    } catch (error) {
      throw this.#trouble(error);
    }
    this.#write(sealed({ format: JOURNAL_FORMAT, ...header }));
  }

  /** Give this to `journal.onChunk`. */
  readonly consume: ChunkConsumer = (words, records, firstSeq) => {
    let text = '';
    for (let record = 0; record < records; record++) {
      loadEvent(this.#view, words, record * RECORD_WORDS, firstSeq + record);
      text += this.#line(this.#view);
    }
    this.#count += records;
    this.#write(text);
  };

  /** Footer, and the end. `hash` is what `journal.finish()` gave. */
  finish(hash: string): void {
    this.#write(sealed({ footer: true, count: this.#count, hash }));
    this.close();
  }

  /** Ends without a footer: a reader will say that the file is cut short. */
  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }

  #line({ seq, kind, sidecar, tNs, call, attempt, instance, code, detail }: EventView): string {
    const name = this.#names[instance] ?? null;
    return sealed({
      seq,
      kind: KIND_NAMES[kind] ?? kind,
      tNs,
      call,
      attempt,
      instance,
      name,
      code,
      detail,
      sidecar,
    });
  }

  #write(text: string): void {
    if (!this.#open) return;
    const octets = Buffer.from(text);
    if (this.#bytes + octets.length > this.#bytesMax)
      throw this.#trouble(new Error(`over ${this.#bytesMax} bytes`));
    try {
      for (let at = 0; at < octets.length; ) {
        const written = writeSync(this.#fd, octets, at);
        at += written;
        this.#bytes += written;
      }
    } catch (error) {
      throw this.#trouble(error);
    }
  }

  #trouble(error: unknown): MeshwrightError {
    if (this.#bytes > 0 || this.#open) this.#open = false;
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
    } else {
      if (line['seq'] !== reading.events.length) return stop(`event ${reading.events.length} is missing`);
      reading.events.push(eventOf(line));
    }
    offset = end + 1;
  }
  return reading.hash === null ? stop('there is no footer: the file is cut short') : reading;
}

function eventOf(line: Record<string, unknown>): EventView {
  const { name: _name, kind, ...rest } = line;
  return { ...(rest as unknown as EventView), kind: Math.max(0, KIND_NAMES.indexOf(String(kind))) as Kind };
}

function sealed(value: object): string {
  const text = JSON.stringify(value).slice(0, -1);
  return `${text},"crc":"${crc32(text).toString(16).padStart(8, '0')}"}\n`;
}

const SEAL_BYTES = ',"crc":"00000000"}'.length;

function unsealed(line: Buffer): Record<string, unknown> | null {
  const cut = line.length - SEAL_BYTES;
  if (cut < 1) return null;
  const text = line.subarray(0, cut);
  const seal = `,"crc":"${crc32(text).toString(16).padStart(8, '0')}"}`;
  if (line.toString('latin1', cut) !== seal) return null;
  try {
    return JSON.parse(`${text.toString()}}`) as Record<string, unknown>;
  } catch {
    return null;
  }
}
