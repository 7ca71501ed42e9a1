// The page: overall verdict on top, a list of runs with search and filter on the left, one run on the right.

/** @typedef {import('../../sim/spec/run-record.ts').RunRecord} RunRecord */

/** @returns {RunRecord} */
function readRecord() {
  return JSON.parse(document.getElementById('run-record')?.textContent ?? '');
}

/** @param {RunRecord} run */
function startPage(run) {
  const app = /** @type {HTMLElement} */ (document.getElementById('app'));
  const detail = el('main', { class: 'detail' });
  const list = el('nav', { class: 'list', 'aria-label': 'Scenario runs' });
  const state = { text: '', outcome: '', selected: initialSelection(run) };
  const select = (/** @type {number} */ index) => {
    state.selected = index;
    history.replaceState(null, '', `#${index}`);
    const record = run.scenarios[index];
    detail.replaceChildren(...(record === undefined ? [emptyView(run)] : [scenarioView(record)]));
    drawList();
  };
  const drawList = () => {
    const wanted = state.text.toLowerCase();
    const items = run.scenarios.map((record, index) => {
      const matches =
        (state.outcome === '' || record.outcome === state.outcome) &&
        `${record.name} ${record.world} ${record.file ?? ''}`.toLowerCase().includes(wanted);
      return matches ? listItem(record, index === state.selected, () => select(index)) : null;
    });
    const shown = items.filter((item) => item !== null);
    list.replaceChildren(
      ...(shown.length === 0 ? [el('p', { class: 'muted none', text: 'Nothing matches.' })] : shown),
    );
  };
  const search = /** @type {HTMLInputElement} */ (
    el('input', { type: 'search', placeholder: 'Search scenarios', 'aria-label': 'Search scenarios' })
  );
  search.addEventListener('input', () => {
    state.text = search.value;
    drawList();
  });
  const filters = outcomeFilters(run, (outcome) => {
    state.outcome = outcome;
    drawList();
  });
  fill(app, {}, [
    patterns(),
    pageHead(run),
    errorList(run),
    el('div', { class: 'body' }, el('aside', {}, search, filters, list), detail),
  ]);
  select(state.selected);
}

/** The first run that does not hold, else the one the address names, else the first. */
/** @param {RunRecord} run */
function initialSelection(run) {
  const asked = /^#\d{1,6}$/.test(location.hash) ? Number(location.hash.slice(1)) : -1;
  if (asked >= 0 && asked < run.scenarios.length) return asked;
  const bad = run.scenarios.findIndex((record) => record.outcome !== 'holds');
  return Math.max(0, bad);
}

/** @param {RunRecord} run */
function pageHead(run) {
  const counts = new Map();
  for (const { outcome } of run.scenarios) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const words = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(' · ');
  const toggle = el('button', { type: 'button', class: 'theme', text: 'Theme', title: 'Light or dark' });
  toggle.addEventListener('click', () => {
    const root = document.documentElement;
    const dark =
      root.dataset['theme'] ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
    root.dataset['theme'] = dark === 'dark' ? 'light' : 'dark';
  });
  return el(
    'header',
    { class: `page-head ${outcomeClass(run.outcome)}` },
    el('div', { class: 'brand' }, el('span', { class: 'wordmark', text: 'meshwright' }), badge(run.outcome)),
    el('div', {
      class: 'page-facts',
      text: `${run.scenarios.length} run${run.scenarios.length === 1 ? '' : 's'}${words === '' ? '' : `: ${words}`} · ${formatMs(run.durationMs)} · ${run.startedAt.replace('T', ' ').slice(0, 19)} UTC · version ${run.tool.version}`,
    }),
    toggle,
  );
}

/** @param {RunRecord} run */
function errorList(run) {
  if (run.errors.length === 0) return null;
  return el(
    'div',
    { class: 'errors' },
    ...run.errors.map(({ code, message, file }) =>
      el(
        'div',
        { class: 'error-box' },
        el('strong', { text: code }),
        ` ${file === null ? '' : `${file}: `}${message}`,
      ),
    ),
  );
}

/** @param {RunRecord} run @param {(outcome: string) => void} choose */
function outcomeFilters(run, choose) {
  const outcomes = [...new Set(run.scenarios.map((record) => record.outcome))];
  const group = el('div', { class: 'filters', role: 'group', 'aria-label': 'Filter by outcome' });
  const buttons = ['', ...outcomes].map((outcome) => {
    const count = run.scenarios.filter((record) => outcome === '' || record.outcome === outcome).length;
    const button = el('button', {
      type: 'button',
      'aria-pressed': String(outcome === ''),
      text: `${outcome || 'all'} ${count}`,
    });
    button.addEventListener('click', () => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      choose(outcome);
    });
    return button;
  });
  group.append(...buttons);
  return group;
}

/** @param {ScenarioRecord} record @param {boolean} selected @param {() => void} onclick */
function listItem(record, selected, onclick) {
  const { mark, word } = OUTCOMES[record.outcome];
  return el(
    'button',
    {
      type: 'button',
      class: `item ${outcomeClass(record.outcome)}`,
      'aria-current': selected ? 'true' : null,
      onclick,
    },
    el('span', { class: 'item-mark', title: word, 'aria-label': word, text: mark }),
    el(
      'span',
      { class: 'item-text' },
      el('span', { class: 'item-name', text: record.name }),
      el('span', {
        class: 'item-facts',
        text: `${record.world} · ${formatCount(record.stats.calls)} calls · seed ${record.seed}`,
      }),
    ),
  );
}

/** @param {RunRecord} run */
function emptyView(run) {
  const text =
    run.outcome === 'interrupted' ? 'The run was stopped before a scenario ended.' : 'No scenario was run.';
  return el('p', { class: 'muted none', text });
}

startPage(readRecord());
