// The horizontal axis that all charts of one scenario share, and ticks that fall on round numbers.

const GUTTER = 148;
const PLOT_RIGHT = 12;

/**
 * @typedef {object} Scale
 * @property {number} width whole drawing, px
 * @property {number} endMs
 * @property {(ms: number) => number} x moment to px
 * @property {(px: number) => number} ms px to moment, clamped to the run
 */

/**
 * @param {number} width
 * @param {number} endMs
 * @returns {Scale}
 */
function timeScale(width, endMs) {
  const span = Math.max(1, endMs);
  const plot = Math.max(50, width - GUTTER - PLOT_RIGHT);
  return {
    width,
    endMs: span,
    x: (ms) => GUTTER + (Math.min(Math.max(ms, 0), span) / span) * plot,
    ms: (at) => Math.min(span, Math.max(0, ((at - GUTTER) / plot) * span)),
  };
}

/**
 * Round steps of 1, 2 or 5 times a power of ten.
 * @param {number} max
 * @param {number} count about so many
 * @returns {number[]}
 */
function niceTicks(max, count) {
  if (!(max > 0)) return [0];
  const rough = max / Math.max(1, count);
  let step = 1e-6;
  for (let i = 0; step < rough && i < 60; i++) step *= i % 3 === 1 ? 2.5 : 2;
  const ticks = [];
  for (let i = 0; i * step <= max * 1.0001 && i < 50; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** @param {Scale} scale @param {number} top @param {number} bottom */
function drawTimeGrid(scale, top, bottom) {
  const group = svg('g', { class: 'grid' });
  for (const tick of niceTicks(scale.endMs, Math.max(3, Math.round(scale.width / 130)))) {
    const x = px(scale.x(tick));
    group.append(
      svg('line', { x1: x, x2: x, y1: top, y2: bottom }),
      svg('text', {
        x,
        y: bottom + 16,
        'text-anchor': 'middle',
        text: `${Number((tick / 1e3).toPrecision(6))} s`,
      }),
    );
  }
  return group;
}
