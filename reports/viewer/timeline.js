// The drawing of one run: fault rows, lanes and charts in one picture, with one time cursor through all of it.

/** @typedef {import('../../sim/spec/run-record.ts').ScenarioRecord} ScenarioRecord */

/**
 * @param {ScenarioRecord} record
 * @returns {{ node: HTMLElement, moveTo: (ms: number) => void }}
 */
function timelineView(record) {
  const canvas = el('div', { class: 'canvas' });
  const readout = el('div', { class: 'readout', role: 'status', 'aria-live': 'off' });
  const node = el(
    'section',
    { class: 'panel timeline' },
    el('div', { class: 'panel-head' }, el('h3', { text: 'Timeline' }), legend()),
    readout,
    canvas,
  );
  /** @type {{ scale: Scale, bottom: number, lanesTop: number, height: number, cursor: SVGElement } | null} */
  let drawn = null;
  let atMs = Number.NaN;
  const show = (/** @type {number} */ ms, /** @type {number} */ laneIndex) => {
    if (drawn === null) return;
    atMs = ms;
    const x = px(drawn.scale.x(ms));
    drawn.cursor.setAttribute('x1', x);
    drawn.cursor.setAttribute('x2', x);
    drawn.cursor.setAttribute('visibility', 'visible');
    readout.replaceChildren(...readoutAt(record, ms, laneIndex));
  };
  const draw = () => {
    const width = Math.max(360, Math.floor(canvas.clientWidth || 900));
    drawn = drawTimeline(record, width, canvas);
    if (Number.isFinite(atMs)) show(atMs, -1);
  };
  canvas.addEventListener('pointermove', (event) => {
    if (drawn === null) return;
    const box = canvas.getBoundingClientRect();
    const lane = Math.floor((event.clientY - box.top - drawn.lanesTop) / drawn.height);
    show(drawn.scale.ms(event.clientX - box.left), lane);
  });
  canvas.tabIndex = 0;
  canvas.setAttribute('aria-label', 'Timeline; arrow keys move the time cursor');
  canvas.addEventListener('keydown', (event) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0 || drawn === null) return;
    event.preventDefault();
    const from = Number.isFinite(atMs) ? atMs : 0;
    show(Math.min(drawn.scale.endMs, Math.max(0, from + by * record.timeline.bucketMs)), -1);
  });
  readout.append(
    el('span', { class: 'hint', text: 'Move over the picture, or use the arrow keys, to read values.' }),
  );
  new ResizeObserver(draw).observe(canvas);
  return { node, moveTo: (ms) => show(ms, -1) };
}

/** @param {ScenarioRecord} record @param {number} width @param {HTMLElement} canvas */
function drawTimeline(record, width, canvas) {
  const { timeline } = record;
  const { bucketMs } = timeline;
  const endMs = Math.max(record.simulatedMs, timeline.calls.length * bucketMs);
  const scale = timeScale(width, endMs);
  const faults = drawFaultRows(timeline, scale, 4);
  const lanesTop = faults.bottom + 8;
  const lanes = drawLanes(timeline, scale, lanesTop);
  const perSecond = (/** @type {number} */ n) => (n * 1e3) / Math.max(1e-9, bucketMs);
  const calls = drawChart(
    'calls/s',
    [
      { name: 'calls', values: timeline.calls.map(perSecond), as: 'bars' },
      { name: 'failed', values: timeline.failed.map(perSecond), as: 'bars' },
    ],
    bucketMs,
    scale,
    lanes.bottom,
    formatCount,
  );
  const latency = drawChart(
    'p99 latency',
    [{ name: 'p99', values: timeline.p99Ms, as: 'line' }],
    bucketMs,
    scale,
    calls.bottom,
    (ms) => (ms === 0 ? '0' : formatMs(ms)),
  );
  const retries = drawChart(
    'retries/s',
    [{ name: 'retries', values: timeline.retries.map(perSecond), as: 'bars' }],
    bucketMs,
    scale,
    latency.bottom,
    formatCount,
  );
  const { bottom } = retries;
  const cursor = svg('line', { class: 'cursor', y1: 2, y2: bottom, visibility: 'hidden' });
  canvas.replaceChildren(
    svg(
      'svg',
      {
        width,
        height: bottom + 26,
        viewBox: `0 0 ${width} ${bottom + 26}`,
        role: 'img',
        'aria-label': 'Timeline',
      },
      drawFaultBands(timeline, scale, lanesTop, lanes.height, bottom),
      drawTimeGrid(scale, lanesTop, bottom),
      faults.node,
      lanes.node,
      calls.node,
      latency.node,
      retries.node,
      cursor,
    ),
  );
  return { scale, bottom, lanesTop, height: lanes.height, cursor };
}

/** Hatches, so that states are told apart without colour; once per page. */
function patterns() {
  const hatch = svg(
    'pattern',
    { id: 'hatch', width: 5, height: 5, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    svg('rect', { class: 'hatch-ground', width: 5, height: 5 }),
    svg('line', { class: 'hatch-line', x1: 0, x2: 0, y1: 0, y2: 5 }),
  );
  const dots = svg(
    'pattern',
    { id: 'dots', width: 4, height: 4, patternUnits: 'userSpaceOnUse' },
    svg('rect', { class: 'dots-ground', width: 4, height: 4 }),
    svg('circle', { class: 'dots-dot', cx: 2, cy: 2, r: 1 }),
  );
  return svg(
    'svg',
    { width: 0, height: 0, class: 'offscreen', 'aria-hidden': 'true' },
    svg('defs', {}, hatch, dots),
  );
}

function legend() {
  const entry = (/** @type {string} */ name, /** @type {string} */ text) =>
    el(
      'span',
      { class: 'key' },
      svg(
        'svg',
        { width: 18, height: 9, 'aria-hidden': 'true' },
        svg('rect', { class: name, width: 18, height: 9, rx: 1.5 }),
      ),
      text,
    );
  return el(
    'div',
    { class: 'legend' },
    ...STATES.map((state) => entry(`state s-${state}`, state)),
    entry('seen pickable', 'pickable for the sidecar'),
    entry('attempts', 'attempts'),
    entry('failures', 'failed'),
    entry('fault', 'fault'),
  );
}

/**
 * What was true at a moment, in words and numbers.
 * @param {ScenarioRecord} record @param {number} ms @param {number} laneIndex
 */
function readoutAt(record, ms, laneIndex) {
  const { timeline } = record;
  const bucket = Math.min(timeline.calls.length - 1, Math.floor(ms / timeline.bucketMs));
  const at = (/** @type {readonly number[]} */ values) => values[bucket] ?? 0;
  const fact = (/** @type {string} */ name, /** @type {string} */ value) =>
    el('span', { class: 'fact' }, el('span', { class: 'fact-name', text: name }), value);
  const nodes = [
    el('strong', { class: 'moment', text: formatMoment(ms) }),
    fact('calls', formatCount(at(timeline.calls))),
    fact('failed', formatCount(at(timeline.failed))),
    fact('retries', formatCount(at(timeline.retries))),
    fact('p99', at(timeline.p99Ms) > 0 ? formatMs(at(timeline.p99Ms)) : '–'),
  ];
  const lane = timeline.lanes[laneIndex];
  if (lane !== undefined) {
    const state = lane.states.findLast((entry) => entry.fromMs <= ms)?.state ?? 'not started';
    const pickable = lane.seen.findLast((entry) => entry.fromMs <= ms)?.pickable ?? false;
    const attempts = `${formatCount(at(lane.attempts))} attempts, ${formatCount(at(lane.failures))} failed`;
    nodes.push(fact(lane.instance, `${state}, ${pickable ? 'pickable' : 'not pickable'}, ${attempts}`));
  }
  const active = timeline.faults.filter(
    (fault) => fault.fromMs <= ms && ms <= (fault.toMs ?? Number.POSITIVE_INFINITY),
  );
  const names = active.slice(0, 4).map((fault) => `${fault.kind} ${fault.target}`);
  if (active.length > 4) names.push(`${active.length - 4} more`);
  if (names.length > 0) nodes.push(fact('faults', names.join(', ')));
  return nodes;
}
