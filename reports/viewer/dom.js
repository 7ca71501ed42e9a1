// Making elements. Text from the record only ever becomes a text node or an attribute that is no code: see el().

const SVG_NS = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [props] class, text, title and other attributes; functions become listeners ("onclick")
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElement}
 */
function el(tag, props = {}, ...children) {
  return /** @type {HTMLElement} */ (fill(document.createElement(tag), props, children));
}

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [props]
 * @param {...(Node | string | null | undefined)} children
 * @returns {SVGElement}
 */
function svg(tag, props = {}, ...children) {
  return /** @type {SVGElement} */ (fill(document.createElementNS(SVG_NS, tag), props, children));
}

/**
 * @param {Element} node
 * @param {Record<string, unknown>} props
 * @param {(Node | string | null | undefined)[]} children
 */
function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') node.textContent = String(value);
    else if (typeof value === 'function')
      node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

/** @param {number} value at most one decimal, for SVG coordinates */
function px(value) {
  return String(Math.round(value * 10) / 10);
}

/** @param {string} text what the button puts on the clipboard */
function copyButton(text) {
  const button = el('button', { class: 'copy', type: 'button', text: 'Copy' });
  button.addEventListener('click', () => {
    const done = () => {
      button.textContent = 'Copied';
      setTimeout(() => {
        button.textContent = 'Copy';
      }, 1200);
    };
    const clipboard = navigator.clipboard;
    if (clipboard === undefined) copyBySelection(text, done);
    else clipboard.writeText(text).then(done, () => copyBySelection(text, done));
  });
  return button;
}

/**
 * Pages opened from a file may have no clipboard API.
 * @param {string} text
 * @param {() => void} done
 */
function copyBySelection(text, done) {
  const area = /** @type {HTMLTextAreaElement} */ (
    el('textarea', { class: 'offscreen', 'aria-hidden': 'true' })
  );
  area.value = text;
  document.body.append(area);
  area.select();
  if (document.execCommand('copy')) done();
  area.remove();
}
