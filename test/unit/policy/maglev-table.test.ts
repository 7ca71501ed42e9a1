import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashAgain, hashText } from '../../../proxy/policy/hash.ts';
import { MaglevTable } from '../../../proxy/policy/maglev-table.ts';

/** Addresses by seat, with weights. */
class Hall {
  readonly table: MaglevTable;
  readonly seats = new Map<string, { number: number; weight: number }>();

  constructor(size: number) {
    this.table = new MaglevTable(size);
  }

  sit(address: string, weight: number): void {
    this.seats.set(address, { number: this.table.sit(address, weight), weight });
  }

  leave(address: string): void {
    this.table.leave((this.seats.get(address) as { number: number }).number);
    this.seats.delete(address);
  }

  /** Owner of each slot, null where it is free. */
  owners(): (string | null)[] {
    const names = new Map([...this.seats].map(([address, { number }]) => [number, address]));
    return Array.from({ length: this.table.size }, (_, slot) => names.get(this.table.ownerOf(slot)) ?? null);
  }

  get time(): number {
    const total = [...this.seats.values()].reduce((sum, { weight }) => sum + weight, 0);
    return (this.table.size - Math.floor(this.table.size / 128)) / total;
  }

  /** The definition: all claims in the order of their turns, each to the first slot of its seat's order that is free. */
  model(): (string | null)[] {
    const { size } = this.table;
    const claims: { turn: number; address: string }[] = [];
    for (const [address, { weight }] of this.seats) {
      const phase = hashAgain(hashText(address), 2) / 4_294_967_296;
      const count = Math.floor(weight * this.time + phase);
      for (let at = 1; at <= count; at++) claims.push({ turn: Math.fround((at - phase) / weight), address });
    }
    claims.sort((one, other) => one.turn - other.turn || (one.address < other.address ? -1 : 1));
    const owners: (string | null)[] = Array.from({ length: size }, () => null);
    for (const { address } of claims.slice(0, size)) {
      const hash = hashText(address);
      let slot = hashAgain(hash, 0) % size;
      while (owners[slot] !== null) slot = (slot + 1 + (hashAgain(hash, 1) % (size - 1))) % size;
      owners[slot] = address;
    }
    return owners;
  }
}

/** Few seats and many, more than there are slots, and weights that differ much. */
const SETS: [string, number, number, number][] = [
  ['a table of two slots', 2, 4, 3],
  ['a few seats', 251, 6, 9],
  ['more seats than slots', 251, 400, 2],
  ['so few slots to a seat that it is mended', 2_039, 1_200, 3],
  ['a few heavy ones among light ones', 2_039, 1_200, 300],
];

it.each(SETS)(
  'LB-11: through any changes the table is the one of its set alone: %s',
  (_, size, count, weightMax) => {
    const change = fc.record({
      who: fc.nat({ max: count - 1 }),
      weight: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: weightMax })),
      settles: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const hall = new Hall(size);
        for (let at = 0; at < count; at += 2) hall.sit(`10.0.0.${at}:1`, at % 300 === 8 ? weightMax : 1);
        hall.table.settle();
        for (const { who, weight, settles } of changes) {
          const address = `10.0.0.${who}:1`;
          const seat = hall.seats.get(address);
          if (seat !== undefined) hall.leave(address);
          if (seat === undefined || seat.weight !== weight) hall.sit(address, weight);
          if (settles) hall.table.settle();
        }
        hall.table.settle();
        expect(hall.owners()).toEqual(hall.model());
      }),
      { numRuns: 40 },
    );
  },
);

it('LB-11: of two with one hash the lesser address comes first', () => {
  const seen = new Map<number, string>();
  const pair: string[] = [];
  for (let at = 0; pair.length === 0; at++) {
    const other = seen.get(hashText(`host-${at}:1`));
    if (other !== undefined) pair.push(other, `host-${at}:1`);
    seen.set(hashText(`host-${at}:1`), `host-${at}:1`);
  }
  for (const order of [pair, [...pair].reverse()]) {
    const hall = new Hall(251);
    for (const address of order) hall.sit(address, 1);
    hall.table.settle();
    expect(hall.owners()).toEqual(hall.model());
  }
});

it('each has the slots that its weight asks, rounded down or up, and few slots are free', () => {
  const hall = new Hall(65_537);
  for (let at = 0; at < 1_000; at++) hall.sit(`10.0.${at >> 8}.${at & 255}:80`, 1 + (at % 3));
  hall.table.settle();
  const counts = new Map<string | null, number>();
  for (const owner of hall.owners()) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  for (const [address, { weight }] of hall.seats) {
    const share = weight * hall.time;
    expect(Math.abs((counts.get(address) as number) - share)).toBeLessThan(1);
  }
  // 512 are spare; rounding adds or takes a few: √1000 ÷ 2 is one deviation at most.
  expect(Math.abs((counts.get(null) as number) - 512)).toBeLessThan(100);
});
