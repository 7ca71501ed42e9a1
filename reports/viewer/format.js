// Numbers as people read them; the same rules as reports/figures.ts.

/** @param {number} value */
function formatCount(value) {
  return Math.round(value).toLocaleString('en-US');
}

/** @param {number} ms */
function formatMs(ms) {
  if (!Number.isFinite(ms)) return '–';
  if (ms >= 10_000) return `${(ms / 1e3).toFixed(1)} s`;
  if (ms >= 1_000) return `${(ms / 1e3).toFixed(2)} s`;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

/** @param {number} share 0 to 1 */
function formatPercent(share) {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '–';
}

/** @param {number} ms a moment on the time axis */
function formatMoment(ms) {
  return `${(ms / 1e3).toFixed(ms >= 100_000 ? 1 : 2)} s`;
}

const OUTCOMES = {
  holds: { mark: '✓', word: 'holds' },
  violated: { mark: '✗', word: 'violated' },
  'not exercised': { mark: '○', word: 'not exercised' },
  inconclusive: { mark: '?', word: 'inconclusive' },
  interrupted: { mark: '◼', word: 'interrupted' },
  error: { mark: '!', word: 'error' },
};

/** @typedef {keyof typeof OUTCOMES} AnyOutcome */

/** @param {AnyOutcome} outcome */
function outcomeClass(outcome) {
  return `o-${outcome.replace(' ', '-')}`;
}

/** @param {AnyOutcome} outcome */
function badge(outcome) {
  const { mark, word } = OUTCOMES[outcome];
  return el(
    'span',
    { class: `badge ${outcomeClass(outcome)}` },
    el('span', { class: 'mark', 'aria-hidden': 'true', text: mark }),
    word,
  );
}
