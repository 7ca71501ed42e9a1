/** The run record as JSON, for machines. */
import type { RunRecord } from '../sim/spec/run-record.ts';

/** UTF-8 text that ends in a newline; valid against reports/run-record.schema.json. */
export function jsonReport(record: RunRecord): string {
  return `${JSON.stringify(record, null, 1)}\n`;
}
