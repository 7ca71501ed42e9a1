// One scenario in one world: verdict cards, how to replay, figures, timeline, shares, latency table.

/** @typedef {import('../../sim/spec/check.ts').Verdict} Verdict */
/** @typedef {import('../../sim/spec/run-record.ts').Quantiles} Quantiles */

/** @param {ScenarioRecord} record */
function scenarioView(record) {
  const timeline = timelineView(record);
  const jump = (/** @type {number} */ ms) => {
    timeline.node.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
    timeline.moveTo(ms);
  };
  const cards = el(
    'div',
    { class: 'cards' },
    ...worstFirst(record.verdicts).map((verdict) => verdictCard(verdict, jump)),
  );
  return el(
    'article',
    { class: 'scenario' },
    head(record),
    errorBox(record),
    cards,
    replayBox(record),
    tiles(record),
    timeline.node,
    el(
      'div',
      { class: 'columns' },
      sharePanel(record),
      el('div', { class: 'stack' }, latencyPanel(record), statusPanel(record)),
    ),
  );
}

/** @param {readonly Verdict[]} verdicts */
function worstFirst(verdicts) {
  const rank = (/** @type {Verdict} */ verdict) =>
    ['violated', 'inconclusive', 'not exercised', 'holds'].indexOf(verdict.outcome);
  return [...verdicts].sort((a, b) => rank(a) - rank(b));
}

/** @param {ScenarioRecord} record */
function head(record) {
  const chip = (/** @type {string} */ name, /** @type {string} */ value) =>
    el('span', { class: 'chip' }, el('span', { class: 'chip-name', text: name }), value);
  return el(
    'header',
    { class: 'scenario-head' },
    el('div', { class: 'title-row' }, el('h2', { text: record.name }), badge(record.outcome)),
    record.shows === null ? null : el('p', { class: 'shows', text: record.shows }),
    el(
      'div',
      { class: 'chips' },
      chip('world', record.world),
      chip('seed', String(record.seed)),
      chip('simulated', formatMs(record.simulatedMs)),
      chip('wall clock', formatMs(record.wallMs)),
      chip('journal', `${record.journalHash.slice(0, 12)} · ${formatCount(record.journalEvents)} events`),
      record.tries === undefined || record.tries < 2 ? null : chip('tries', String(record.tries)),
      record.file === null ? null : chip('file', record.file),
    ),
  );
}

/** @param {ScenarioRecord} record */
function errorBox(record) {
  if (record.error === null) return null;
  return el(
    'div',
    { class: 'error-box' },
    el('strong', { text: record.error.code }),
    ` ${record.error.message}`,
  );
}

/** @param {Verdict} verdict @param {(ms: number) => void} jump */
function verdictCard(verdict, jump) {
  const { firstAtMs, evidence } = verdict;
  const params = Object.entries(verdict.params).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  const facts = el(
    'div',
    { class: 'card-facts' },
    el('span', { text: `exercised ${formatCount(verdict.exercised)}×` }),
  );
  if (firstAtMs !== null) {
    facts.append(
      el('button', {
        type: 'button',
        class: 'link',
        text: `first at ${formatMoment(firstAtMs)}`,
        onclick: () => jump(firstAtMs),
      }),
    );
  }
  return el(
    'section',
    { class: `card ${outcomeClass(verdict.outcome)}` },
    el('div', { class: 'card-head' }, el('h3', { text: verdict.check }), badge(verdict.outcome)),
    el('p', { text: verdict.explanation }),
    facts,
    params.length === 0 ? null : el('code', { class: 'params', text: params.join(', ') }),
    evidence.length === 0
      ? null
      : el(
          'details',
          {},
          el('summary', {
            text: `${evidence.length} journal event${evidence.length === 1 ? '' : 's'} as evidence`,
          }),
          el('code', { text: evidence.map((seq) => `#${seq}`).join(' ') }),
        ),
  );
}

/** @param {ScenarioRecord} record */
function replayBox(record) {
  return el(
    'div',
    { class: 'replay' },
    el('span', { class: 'replay-label', text: 'Replay' }),
    el('code', { text: record.replay }),
    copyButton(record.replay),
  );
}

/** @param {ScenarioRecord} record */
function tiles(record) {
  const { stats } = record;
  const tile = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ note) =>
    el(
      'div',
      { class: 'tile' },
      el('div', { class: 'tile-name', text: name }),
      el('div', { class: 'tile-value', text: value }),
      el('div', { class: 'tile-note', text: note }),
    );
  const failed = stats.calls - stats.ok;
  const proxied = stats.calls - (stats.directLatency?.count ?? 0);
  const cpu = stats.sidecarCpuUsPerCall;
  return el(
    'div',
    { class: 'tiles' },
    tile('calls', formatCount(stats.calls), `${formatCount(stats.ok)} ok`),
    tile('failed', formatCount(failed), stats.calls > 0 ? formatPercent(failed / stats.calls) : '–'),
    tile(
      'attempts per call',
      proxied > 0 ? (stats.attempts / proxied).toFixed(3) : '–',
      `${formatCount(stats.retries)} retries`,
    ),
    tile('median latency', formatMs(stats.latency.p50Ms), `p90 ${formatMs(stats.latency.p90Ms)}`),
    tile('p99 latency', formatMs(stats.latency.p99Ms), `max ${formatMs(stats.latency.maxMs)}`),
    cpu === null ? null : tile('sidecar CPU', `${cpu.toFixed(1)} µs`, 'per proxied call'),
  );
}

/** @param {ScenarioRecord} record */
function sharePanel(record) {
  const { instances } = record.stats;
  const picks = instances.reduce((sum, instance) => sum + instance.picks, 0);
  const expectedPicks = instances.reduce((sum, instance) => sum + instance.expectedPicks, 0);
  const rows = instances.map((instance) => ({
    instance,
    actual: picks > 0 ? instance.picks / picks : 0,
    expected: expectedPicks > 0 ? instance.expectedPicks / expectedPicks : 0,
  }));
  const largest = Math.max(1e-9, ...rows.map((row) => Math.max(row.actual, row.expected)));
  const list = el('div', { class: 'shares' });
  for (const { instance, actual, expected } of rows) {
    const width = 100;
    const drawing = svg(
      'svg',
      { class: 'share-bar', viewBox: `0 0 ${width} 10`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      svg('rect', { class: 'share-ground', width, height: 10 }),
      svg('rect', { class: 'share-actual', width: px((actual / largest) * width), height: 10 }),
      svg('rect', {
        class: 'share-expected',
        x: px((expected / largest) * width - 0.3),
        width: 0.6,
        height: 10,
      }),
    );
    list.append(
      el('span', { class: 'share-name', title: instance.name, text: instance.name }),
      drawing,
      el('span', { class: 'share-number', text: formatPercent(actual) }),
      el('span', { class: 'share-number muted', text: formatPercent(expected) }),
      el('span', { class: 'share-number muted', text: formatCount(instance.picks) }),
      el('span', {
        class: instance.failures > 0 ? 'share-number bad' : 'share-number muted',
        text: formatCount(instance.failures),
      }),
    );
  }
  const titles = ['instance', 'share of first picks', 'actual', 'expected', 'picks', 'failed'];
  list.prepend(
    ...titles.map((title, index) =>
      el('span', { class: index < 2 ? 'share-title' : 'share-title num', text: title }),
    ),
  );
  return el(
    'section',
    { class: 'panel' },
    el('div', { class: 'panel-head' }, el('h3', { text: 'Share per instance' })),
    list,
  );
}

/** One row per quantile: so the table is never wider than its panel. @param {ScenarioRecord} record */
function latencyPanel(record) {
  const { latency, directLatency } = record.stats;
  const sides = directLatency === null ? [latency] : [latency, directLatency];
  const rows = /** @type {const} */ ([
    ['p50', 'p50Ms'],
    ['p90', 'p90Ms'],
    ['p99', 'p99Ms'],
    ['p99.9', 'p999Ms'],
    ['max', 'maxMs'],
  ]);
  const names = ['through sidecar', 'direct'].slice(0, sides.length);
  const row = (/** @type {string} */ name, /** @type {string[]} */ cells) =>
    el('tr', {}, el('th', { scope: 'row', text: name }), ...cells.map((text) => el('td', { text })));
  const head = el('tr', {}, el('th', {}), ...names.map((text) => el('th', { text })));
  const body = el(
    'tbody',
    {},
    row(
      'calls',
      sides.map((side) => formatCount(side.count)),
    ),
    ...rows.map(([name, key]) =>
      row(
        name,
        sides.map((side) => formatMs(side[key])),
      ),
    ),
  );
  return el(
    'section',
    { class: 'panel' },
    el('div', { class: 'panel-head' }, el('h3', { text: 'Latency' })),
    el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, head), body)),
  );
}

/** @param {ScenarioRecord} record */
function statusPanel(record) {
  const { statuses, unanswered } = record.stats;
  const names = [
    'OK',
    'CANCELLED',
    'UNKNOWN',
    'INVALID_ARGUMENT',
    'DEADLINE_EXCEEDED',
    'NOT_FOUND',
    'ALREADY_EXISTS',
    'PERMISSION_DENIED',
    'RESOURCE_EXHAUSTED',
    'FAILED_PRECONDITION',
    'ABORTED',
    'OUT_OF_RANGE',
    'UNIMPLEMENTED',
    'INTERNAL',
    'UNAVAILABLE',
    'DATA_LOSS',
    'UNAUTHENTICATED',
  ];
  const body = el('tbody');
  for (const [status, count] of Object.entries(statuses)) {
    const name = names[Number(status)] ?? 'status';
    body.append(
      el(
        'tr',
        {},
        el('th', { scope: 'row', text: `${status} ${name}` }),
        el('td', { text: formatCount(count) }),
      ),
    );
  }
  if (unanswered > 0)
    body.append(
      el(
        'tr',
        {},
        el('th', { scope: 'row', text: 'no answer' }),
        el('td', { text: formatCount(unanswered) }),
      ),
    );
  return el(
    'section',
    { class: 'panel' },
    el('div', { class: 'panel-head' }, el('h3', { text: 'Answers' })),
    el(
      'table',
      {},
      el('thead', {}, el('tr', {}, el('th', { text: 'gRPC status' }), el('th', { text: 'calls' }))),
      body,
    ),
  );
}
