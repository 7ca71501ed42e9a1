/** A small, strict reader of XML for tests: throws on anything that is not well-formed in what the JUnit report uses. */

export interface Element {
  name: string;
  depth: number;
  attributes: Readonly<Record<string, string>>;
  text: string;
}

const TOKEN =
  /<\?xml[^<>]*\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<\/([\w-]+)>|<([\w-]+)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** All elements in document order. */
export function parseXml(source: string): Element[] {
  // XML 1.0 §2.2: characters that no document may hold.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u.test(source))
    throw new Error('a character that XML forbids');
  const elements: Element[] = [];
  const open: Element[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null) throw new Error(`not well-formed at ${at}: ${source.slice(at, at + 40)}`);
    const [, cdata, closing, opening, attributes = '', selfClosing, text] = match;
    const inner = open.at(-1);
    if (cdata !== undefined && inner !== undefined) inner.text += cdata;
    else if (text !== undefined) addText(inner, text);
    else if (closing !== undefined) {
      if (open.pop()?.name !== closing) throw new Error(`</${closing}> closes another element`);
    } else if (opening !== undefined) {
      const element = { name: opening, depth: open.length, attributes: readAttributes(attributes), text: '' };
      elements.push(element);
      if (selfClosing === '') open.push(element);
    }
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)?.name}> is never closed`);
  return elements;
}

function addText(inner: Element | undefined, text: string): void {
  if (text.includes(']]>')) throw new Error('"]]>" in text');
  if (inner !== undefined) inner.text += decode(text);
  else if (text.trim() !== '') throw new Error('text outside of the root');
}

function readAttributes(source: string): Record<string, string> {
  const pairs = source.matchAll(/([\w-]+)="([^"<]*)"/g);
  return Object.fromEntries([...pairs].map(([, name = '', value = '']) => [name, decode(value)]));
}

function decode(text: string): string {
  return text.replace(/&([^;]*);?/g, (whole, name: string) => {
    const code = /^#x([0-9a-f]+)$/i.exec(name)?.[1];
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
    const known = ENTITIES[name];
    if (known === undefined || !whole.endsWith(';')) throw new Error(`unknown entity ${whole.slice(0, 20)}`);
    return known;
  });
}
