/** Every YAML example of the manual is taken as it stands. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseMesh } from '../../../proxy/control-plane/parse-mesh.ts';
import { parseEndpoints } from '../../../proxy/discovery/parse-endpoints.ts';
import { readConfigFile } from '../../../proxy/host/config-file.ts';
import { resolveOptions } from '../../../proxy/host/options.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-manual-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const manual = readFileSync(new URL('../../../docs/sidecar.md', import.meta.url), 'utf8');
const examples = [...manual.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) => text as string);

test('there are examples', () => expect(examples.length).toBeGreaterThan(3));

test.each(examples)('%s', (text) => {
  const { listeners, endpoints } = parse(text) as { listeners?: unknown; endpoints?: unknown };
  if (listeners !== undefined) expect(parseMesh(text, 'mesh.yaml')).toHaveProperty('listeners');
  else if (Array.isArray(endpoints)) expect(parseEndpoints(text, 'endpoints.yaml')).not.toEqual([]);
  else {
    const file = join(folder, 'sidecar.yaml');
    writeFileSync(file, text);
    expect(resolveOptions({ listen: '127.0.0.1:0' }, readConfigFile(file)).listen).toBe('127.0.0.1:0');
  }
});
