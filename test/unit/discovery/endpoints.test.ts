import { describe, expect, it } from 'vitest';
import { parseEndpoints } from '../../../proxy/discovery/parse-endpoints.ts';
import { staticEndpoints } from '../../../proxy/discovery/static.ts';

describe('an endpoint file', () => {
  it('is YAML or JSON; the id is the address where none is given', () => {
    const yaml = 'endpoints:\n  - address: 127.0.0.1:1\n  - { address: "[::1]:2", id: b, draining: true }\n';
    const wanted = [
      { address: '127.0.0.1:1', id: '127.0.0.1:1', draining: false },
      { address: '[::1]:2', id: 'b', draining: true },
    ];
    expect(parseEndpoints(yaml, 'f')).toEqual(wanted);
    expect(parseEndpoints(JSON.stringify({ endpoints: wanted }), 'f')).toEqual(wanted);
    expect(parseEndpoints('endpoints: []', 'f')).toEqual([]);
  });

  it.each([
    ['', 'it is empty'],
    ['endpoints: [', 'neither YAML nor JSON'],
    ['[]', 'is wrong'],
    ['endpoints: [{ address: x }]', 'endpoints.0.address is wrong: must be HOST:PORT'],
    ['endpoints: [{ address: "x:0" }]', 'must be HOST:PORT'],
    ['endpoints: [{ address: "x:1", weight: 2 }]', 'weight'],
    ['endpoints: [{ address: "x:1", draining: maybe }]', 'endpoints.0.draining'],
    ['a: &a [1]\nendpoints: *a', 'neither YAML nor JSON'],
  ])('%j is refused with place and fix', (text, message) => {
    const parse = (): unknown => parseEndpoints(text, '/some/file');
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: 'MW_CONFIG', place: '/some/file' }));
    expect(parse).toThrow(expect.objectContaining({ remedy: expect.stringMatching(/endpoints/) }));
  });
});

describe('static endpoints', () => {
  it('come once each', () => {
    const ids = staticEndpoints(['a:1', ' b:2', 'a:1'], '--upstream').map(({ id }) => id);
    expect(ids).toEqual(['a:1', 'b:2']);
  });

  it('are refused by name', () => {
    expect(() => staticEndpoints(['a'], '--upstream')).toThrow('"a" is no HOST:PORT');
  });
});
