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

  it('tells weight, priority, locality and metadata where they are given', () => {
    const facts = { weight: 3, priority: 1, locality: 'eu/a', metadata: { version: '2' } };
    const endpoints = [{ address: 'a:1', ...facts }];
    expect(parseEndpoints(JSON.stringify({ endpoints }), 'f')).toEqual([
      { address: 'a:1', id: 'a:1', draining: false, ...facts },
    ]);
  });

  it.each([
    ['', 'it is empty'],
    ['endpoints: [', 'neither YAML nor JSON'],
    ['[]', 'is wrong'],
    ['endpoints: [{ address: x }]', 'endpoints.0.address is wrong: must be HOST:PORT'],
    ['endpoints: [{ address: "x:0" }]', 'must be HOST:PORT'],
    ['endpoints: [{ address: "x:1", wait: 2 }]', 'wait'],
    ['endpoints: [{ address: "x:1", weight: 0 }]', 'a weight is at least 1'],
    ['endpoints: [{ address: "x:1", weight: 10001 }]', 'endpoints.0.weight'],
    ['endpoints: [{ address: "x:1", draining: maybe }]', 'endpoints.0.draining'],
    [
      'endpoints: [{ address: "x:1" }, { address: "x:1" }]',
      'endpoints.1.address is wrong: x:1 stands there twice, in endpoints.0 too',
    ],
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

  it('have a weight behind =', () => {
    const endpoints = staticEndpoints(['a:1=3', 'b:2', '[::1]:3=10000'], '--upstream');
    expect(endpoints.map(({ address, weight }) => [address, weight])).toEqual([
      ['a:1', 3],
      ['b:2', undefined],
      ['[::1]:3', 10_000],
    ]);
    for (const wrong of ['a:1=0', 'a:1=10001', 'a:1=', 'a:1=x', 'a:1=1=1', '=3']) {
      expect(() => staticEndpoints([wrong], '--upstream')).toThrow('is no HOST:PORT or HOST:PORT=WEIGHT');
    }
  });

  it('are refused by name', () => {
    expect(() => staticEndpoints(['a'], '--upstream')).toThrow('"a" is no HOST:PORT');
  });
});
