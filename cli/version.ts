/** The package's own place and version, the same from source and from dist/. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Root folder of this package (absolute path with a trailing slash). */
export function packageRoot(): string {
  for (const up of ['../package.json', '../../package.json']) {
    const url = new URL(up, import.meta.url);
    if (existsSync(url)) return fileURLToPath(new URL('.', url));
  }
  return process.cwd();
}

export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(`${packageRoot()}package.json`, 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed
    ? String(parsed.version)
    : '0.0.0';
}
