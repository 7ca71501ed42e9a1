/** `npm run schema`: writes reports/run-record.schema.json anew; a test compares the two. */
import { writeFileSync } from 'node:fs';
import { runRecordJsonSchema } from '../reports/run-record-schema.ts';

export default function writeSchema(): void {
  const file = new URL('../reports/run-record.schema.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify(runRecordJsonSchema(), null, 2)}\n`);
}
