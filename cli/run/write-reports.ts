/** Writes the reports of a run: always the record and the page into the run folder, and the copies that flags asked for. */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { MeshwrightError } from '../../sim/base/errors.ts';
import type { RunRecord } from '../../sim/spec/run-record.ts';
import { htmlReport } from '../../reports/html.ts';
import { jsonReport } from '../../reports/json.ts';
import { junitReport } from '../../reports/junit.ts';
import { markdownReport } from '../../reports/markdown.ts';
import type { RunOptions } from './options.ts';

/** Returns the paths written, for people: relative to the root where they lie below it. Throws MW_JOURNAL. */
export function writeReports(record: RunRecord, folder: string, options: RunOptions): readonly string[] {
  const html = htmlReport(record);
  const json = jsonReport(record);
  const wanted: [path: string | null, text: () => string][] = [
    [join(folder, 'report.html'), () => html],
    [join(folder, 'run-record.json'), () => json],
    [options.html, () => html],
    [options.json, () => json],
    [options.junit, () => junitReport(record)],
    [options.markdown, () => markdownReport(record)],
  ];
  const written: string[] = [];
  for (const [path, text] of wanted) {
    if (path === null) continue;
    writeReport(path, text());
    const near = relative(options.root, path);
    written.push(near.startsWith('..') ? path : near);
  }
  return written;
}

function writeReport(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new MeshwrightError('MW_JOURNAL', `cannot write a report: ${(error as Error).message}`, {
      place: path,
      remedy: 'choose a file that may be written, on a disk with room.',
      cause: error,
    });
  }
}
