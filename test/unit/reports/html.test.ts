/** The page's structure holds whatever text the record has, and its policy allows exactly its own style and script. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { htmlReport } from '../../../reports/html.ts';
import { hostileRecord } from './hostile-record.ts';
import { PAYLOADS } from './payloads.ts';
import { sampleRecord } from './sample-record.ts';

const DATA = /<script type="application\/json" id="run-record">([^<]*)<\/script>/;
const plain = htmlReport(sampleRecord());

/** The page with its data taken out. */
const frame = (page: string) => page.replace(DATA, '');

describe('structure', () => {
  it.each(PAYLOADS.map((text) => [text.slice(0, 30), text]))(
    'keeps %j inside the data element',
    (_label, text) => {
      const record = hostileRecord(text);
      const page = htmlReport(record);
      const data = DATA.exec(page)?.[1] ?? '';
      expect(JSON.parse(data)).toEqual(JSON.parse(JSON.stringify(record)));
      expect(data).not.toMatch(/[<>&\u2028\u2029]/);
      expect(frame(page)).toBe(frame(htmlReport({ ...sampleRecord(), outcome: record.outcome })));
    },
  );

  it('allows its own style and script by hash and nothing else', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(plain)?.[1] ?? '';
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const script = /<script>([\s\S]*?)<\/script>/.exec(plain)?.[1] ?? '';
    const style = /<style>([\s\S]*?)<\/style>/.exec(plain)?.[1] ?? '';
    expect(script.length).toBeGreaterThan(1_000);
    expect(style.length).toBeGreaterThan(1_000);
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `script-src ${hash(script)}`,
      `style-src ${hash(style)}`,
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
    ]);
  });

  it('needs no network and makes nothing from text', () => {
    const code = frame(plain);
    expect(code.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|\/\/[a-z]+\./);
    expect(code).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute\(\s*'style'/,
    );
    expect(code).not.toMatch(/<[a-z][^>]*\son[a-z]+=/i);
  });
});

const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version'], { timeout: 20_000 }).status === 0,
);
if (chromium === undefined)
  process.stdout.write('skipped: the page in a browser, because no chromium is on PATH\n');

describe.skipIf(chromium === undefined)('in a browser', () => {
  it('shows hostile text literally and runs none of it', () => {
    // --dump-dom itself cannot write lone surrogates; the structure test has them.
    const texts = PAYLOADS.filter((text) => text.length < 1_000 && !/\p{Cs}/u.test(text));
    const first = hostileRecord(texts[0] as string);
    const scenarios = texts.flatMap((text) => hostileRecord(text).scenarios);
    const errors = texts.flatMap((text) => hostileRecord(text).errors);
    const folder = mkdtempSync(join(tmpdir(), 'meshwright-page-'));
    try {
      const file = join(folder, 'report.html');
      writeFileSync(file, htmlReport({ ...first, scenarios, errors }));
      const dom = dumpDom(chromium as string, file, folder);
      expect(dom).toContain('class="scenario"');
      expect(dom.match(/class="item o-violated"/g)).toHaveLength(texts.length);
      expect(dom).toContain('&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;');
      const drawn = dom.replace(DATA, '').replace(/<script>[\s\S]*?<\/script>/, '');
      expect(drawn).not.toMatch(/<script|<img|<iframe|\sonerror="|\sonload="|\sonmouseover="/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 120_000);
});

function dumpDom(browser: string, file: string, folder: string): string {
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-sync',
  ];
  flags.push(
    '--disable-background-networking',
    '--disable-component-update',
    `--user-data-dir=${folder}/profile`,
  );
  const { stdout, stderr, status } = spawnSync(browser, [...flags, '--dump-dom', `file://${file}`], {
    encoding: 'utf8',
    timeout: 90_000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
  });
  expect(status, stderr.split('\n').slice(-5).join('\n')).toBe(0);
  return stdout;
}
