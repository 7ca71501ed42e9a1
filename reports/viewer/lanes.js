// One lane per instance: what was true of it, whether the sidecar would pick it, and the attempts it got.

/** @typedef {import('../../sim/spec/run-record.ts').Timeline} Timeline */
/** @typedef {Timeline['lanes'][number]} Lane */
/** @typedef {Timeline['faults'][number]} FaultBand */

const STATES = ['starting', 'ready', 'draining', 'paused', 'dead'];
const FAULT_ROW = 18;
/** A character of a fault's label is about so wide. */
const LABEL_PX = 6.8;

/** Lane heights by how many there are: many instances get slim lanes without a histogram. */
/** @param {number} laneCount */
function laneHeight(laneCount) {
  return laneCount <= 8 ? 44 : laneCount <= 24 ? 32 : 15;
}

/**
 * @param {Timeline} timeline
 * @param {Scale} scale
 * @param {number} top
 * @returns {{ node: SVGElement, bottom: number, height: number }}
 */
function drawLanes(timeline, scale, top) {
  const height = laneHeight(timeline.lanes.length);
  const group = svg('g', { class: 'lanes' });
  let peak = 1;
  for (const lane of timeline.lanes) for (const n of lane.attempts) peak = Math.max(peak, n);
  timeline.lanes.forEach((lane, index) => {
    group.append(drawLane(lane, timeline.bucketMs, scale, top + index * height, height, peak));
  });
  return { node: group, bottom: top + timeline.lanes.length * height, height };
}

/**
 * @param {Lane} lane
 * @param {number} bucketMs
 * @param {Scale} scale
 * @param {number} y
 * @param {number} height
 * @param {number} peak
 */
function drawLane(lane, bucketMs, scale, y, height, peak) {
  const group = svg('g', { class: 'lane' });
  const slim = height < 20;
  const name = lane.instance.length > 20 ? `${lane.instance.slice(0, 19)}…` : lane.instance;
  group.append(
    svg('text', { class: 'name', x: GUTTER - 12, y: y + (slim ? 10 : 15), 'text-anchor': 'end' }, name),
    svg('line', { class: 'rule', x1: 0, x2: scale.width, y1: y + height - 0.5, y2: y + height - 0.5 }),
  );
  const stateHeight = slim ? 6 : 9;
  lane.states.forEach((entry, index) => {
    const toMs = lane.states[index + 1]?.fromMs ?? scale.endMs;
    const state = STATES.includes(entry.state) ? entry.state : entry.state === 'resumed' ? 'ready' : 'other';
    const rect = bar(scale, entry.fromMs, toMs, y + 4, stateHeight, `state s-${state}`);
    rect.append(
      svg('title', { text: `${lane.instance}: ${entry.state} from ${formatMoment(entry.fromMs)}` }),
    );
    group.append(rect);
  });
  lane.seen.forEach((entry, index) => {
    const toMs = lane.seen[index + 1]?.fromMs ?? scale.endMs;
    const seenClass = entry.pickable ? 'seen pickable' : 'seen';
    group.append(bar(scale, entry.fromMs, toMs, y + 5 + stateHeight, slim ? 2 : 3, seenClass));
  });
  if (slim) return group;
  const base = y + height - 2;
  const room = height - stateHeight - 13;
  group.append(histogram(lane.attempts, bucketMs, scale, base, room, peak, 'attempts'));
  group.append(histogram(lane.failures, bucketMs, scale, base, room, peak, 'failures'));
  return group;
}

/** @param {Scale} scale @param {number} fromMs @param {number} toMs @param {number} y @param {number} height @param {string} name */
function bar(scale, fromMs, toMs, y, height, name) {
  const x = scale.x(fromMs);
  const width = Math.max(0.8, scale.x(toMs) - x);
  return svg('rect', { class: name, x: px(x), y: px(y), width: px(width), height: px(height), rx: 1.5 });
}

/**
 * Bars per time bucket as one path.
 * @param {readonly number[]} values @param {number} bucketMs @param {Scale} scale
 * @param {number} base @param {number} room @param {number} peak @param {string} name
 */
function histogram(values, bucketMs, scale, base, room, peak, name) {
  let path = '';
  values.forEach((value, index) => {
    if (!(value > 0)) return;
    const x = scale.x(index * bucketMs);
    const width = Math.max(0.6, scale.x((index + 1) * bucketMs) - x - 0.5);
    const height = Math.max(1, (value / peak) * room);
    path += `M${px(x)} ${px(base)}v${px(-height)}h${px(width)}v${px(height)}z`;
  });
  return svg('path', { class: name, d: path });
}

/**
 * Faults in as few rows as their times allow, each with its label.
 * @param {Timeline} timeline @param {Scale} scale @param {number} top
 * @returns {{ node: SVGElement, bottom: number }}
 */
function drawFaultRows(timeline, scale, top) {
  const group = svg('g', { class: 'faults' });
  /** @type {number[]} where each row is free again, px */
  const rows = [];
  for (const fault of timeline.faults) {
    const x = scale.x(fault.fromMs);
    const end = scale.x(fault.toMs ?? scale.endMs);
    const label = `${fault.kind} ${fault.target}`;
    const text = fault.observed ? label : `${label} (no effect seen)`;
    // A label that its band cannot hold stands behind it, one that would leave the picture before it.
    const wide = 10 + text.length * LABEL_PX;
    const start = end - x < wide ? end : x;
    const flip = start + wide > scale.width - PLOT_RIGHT;
    const need = Math.max(end, flip ? x : start + wide);
    let row = rows.findIndex((free) => free <= x);
    if (row < 0) row = rows.length;
    rows[row] = need + 4;
    const y = top + row * FAULT_ROW;
    const rect = bar(scale, fault.fromMs, fault.toMs ?? scale.endMs, y + 2, FAULT_ROW - 4, 'fault');
    if (!fault.observed) rect.setAttribute('class', 'fault unobserved');
    const open = fault.toMs === null ? 'until the end' : `until ${formatMoment(fault.toMs)}`;
    const seen = fault.observed ? '' : '; no effect was observed';
    rect.append(svg('title', { text: `${label} from ${formatMoment(fault.fromMs)} ${open}${seen}` }));
    group.append(
      rect,
      svg('text', {
        x: px(flip ? x - 5 : start + 5),
        y: y + 13,
        'text-anchor': flip ? 'end' : 'start',
        text,
      }),
    );
  }
  return { node: group, bottom: top + Math.max(1, rows.length) * FAULT_ROW };
}

/**
 * The bands themselves: strong on the lanes they hit, faint on everything below.
 * @param {Timeline} timeline @param {Scale} scale @param {number} lanesTop @param {number} height @param {number} bottom
 */
function drawFaultBands(timeline, scale, lanesTop, height, bottom) {
  const group = svg('g', { class: 'bands' });
  const lanesBottom = lanesTop + timeline.lanes.length * height;
  for (const fault of timeline.faults) {
    const toMs = fault.toMs ?? scale.endMs;
    const hit = new Set(fault.instances);
    timeline.lanes.forEach((lane, index) => {
      if (hit.has(lane.instance)) {
        group.append(
          bar(scale, fault.fromMs, toMs, lanesTop + index * height + 1, height - 2, 'band strong'),
        );
      }
    });
    group.append(bar(scale, fault.fromMs, toMs, lanesBottom, bottom - lanesBottom, 'band faint'));
    const x = px(scale.x(fault.fromMs));
    group.append(svg('line', { class: 'onset', x1: x, x2: x, y1: lanesTop, y2: bottom }));
  }
  return group;
}
