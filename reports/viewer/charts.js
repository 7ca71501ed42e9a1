// Charts below the lanes, on the same time axis: calls, latency, retries.

const CHART_HEIGHT = 92;
const CHART_GAP = 26;

/**
 * @typedef {object} Series
 * @property {string} name CSS class
 * @property {readonly number[]} values one per bucket
 * @property {'bars' | 'line'} as
 */

/**
 * @param {string} title
 * @param {Series[]} series drawn on one vertical axis
 * @param {number} bucketMs @param {Scale} scale @param {number} top
 * @param {(value: number) => string} format
 * @returns {{ node: SVGElement, bottom: number }}
 */
function drawChart(title, series, bucketMs, scale, top, format) {
  const group = svg('g', { class: 'chart' });
  const base = top + CHART_GAP + CHART_HEIGHT;
  let peak = 0;
  for (const { values } of series)
    for (const value of values) peak = Math.max(peak, Number.isFinite(value) ? value : 0);
  const ticks = niceTicks(peak, 4);
  const ceiling = Math.max(peak, ticks[ticks.length - 1] ?? 0) || 1;
  for (const tick of ticks) {
    const y = px(base - (tick / ceiling) * CHART_HEIGHT);
    group.append(
      svg('line', { class: 'rule', x1: GUTTER, x2: scale.width - PLOT_RIGHT, y1: y, y2: y }),
      svg('text', {
        class: 'tick',
        x: GUTTER - 8,
        y: Number(y) + 4,
        'text-anchor': 'end',
        text: format(tick),
      }),
    );
  }
  group.append(svg('text', { class: 'title', x: 0, y: top + CHART_GAP + 10, text: title }));
  for (const { name, values, as } of series) {
    group.append(
      as === 'bars'
        ? histogram(values, bucketMs, scale, base, CHART_HEIGHT, ceiling, name)
        : line(values, bucketMs, scale, base, ceiling, name),
    );
  }
  return { node: group, bottom: base };
}

/**
 * A step-less line through the middles of buckets; it breaks where a bucket has no value.
 * @param {readonly number[]} values @param {number} bucketMs @param {Scale} scale
 * @param {number} base @param {number} ceiling @param {string} name
 */
function line(values, bucketMs, scale, base, ceiling, name) {
  let path = '';
  let pen = false;
  values.forEach((value, index) => {
    if (!(value > 0)) {
      pen = false;
      return;
    }
    const x = px(scale.x((index + 0.5) * bucketMs));
    const y = px(base - (value / ceiling) * CHART_HEIGHT);
    path += `${pen ? 'L' : 'M'}${x} ${y}`;
    if (!pen && !((values[index + 1] ?? 0) > 0)) path += 'h1';
    pen = true;
  });
  return svg('path', { class: `${name} line`, d: path });
}
