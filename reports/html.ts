/**
 * The run as one HTML page that needs no network. Data lies in a JSON element that no text can leave; style and script
 * are the only ones the page's Content-Security-Policy allows, by hash.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { RunRecord } from '../sim/spec/run-record.ts';

const STYLES = ['style.css'];
/** Joined in this order into one function. */
const SCRIPTS = [
  'dom.js',
  'format.js',
  'scale.js',
  'lanes.js',
  'charts.js',
  'timeline.js',
  'scenario.js',
  'main.js',
];

/** The page as UTF-8 text. */
export function htmlReport(record: RunRecord): string {
  const style = STYLES.map(readViewerFile).join('\n');
  const script = `(() => {\n'use strict';\n${SCRIPTS.map(readViewerFile).join('\n')}\n})();\n`;
  const policy = [
    "default-src 'none'",
    `script-src ${hashSource(script)}`,
    `style-src ${hashSource(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>meshwright: ${record.outcome}</title>
<style>${style}</style>
</head>
<body>
<noscript>This page draws itself by its own script, which is switched off.</noscript>
<div id="app"></div>
<script type="application/json" id="run-record">${embeddedJson(record)}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** JSON that cannot end its element or open another, whatever strings it holds. */
export function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
}

/** reports/viewer lies beside this file in the sources, and two folders up from dist/reports. */
function readViewerFile(name: string): string {
  const near = new URL(`viewer/${name}`, import.meta.url);
  const url = existsSync(near) ? near : new URL(`../../reports/viewer/${name}`, import.meta.url);
  const text = readFileSync(url, 'utf8');
  if (/<\/(script|style)/i.test(text))
    throw new Error(`${name} holds an end tag and cannot be put into a page`);
  return text;
}
