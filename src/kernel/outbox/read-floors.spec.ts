import { type Horizon, ReadFloors, type ShardRead } from './read-floors.js';

const NONE = new Set<number>();
const SHARD = 7;
const OTHER = 8;

/** Transaction 50 is open; rows up to number 100 were given out by transactions below 60. */
const FIRST: Horizon = { ended: 50, begun: 60, numbered: 100 };
/** All of them have ended. */
const SECOND: Horizon = { ended: 60, begun: 70, numbered: 200 };

/** A read that returned rows of our shard, the last of them `seq`. */
function readTo(seq: number, horizon: Horizon): ShardRead {
  return { rows: [{ shard: SHARD, seq: String(seq) }], horizon, isCut: false };
}

/** Read up to row 90 at 0 ms. */
function begun(): ReadFloors {
  const floors = new ReadFloors();
  floors.next([SHARD]);
  floors.passed(readTo(90, FIRST), NONE, 0);
  return floors;
}

const floorOf = (floors: ReadFloors) => floors.next([SHARD]).get(SHARD);

it('begins at the start for a shard that was not read yet', () => {
  const start = new Map([
    [SHARD, 0],
    [OTHER, 0],
  ]);
  expect(begun().next([SHARD, OTHER])).toEqual(start);
});

it('stays while a transaction is open that was so when the read came there', () => {
  const floors = begun();
  floors.passed(readTo(190, { ...SECOND, ended: 59 }), NONE, 30);
  floors.passed(readTo(290, { ...SECOND, ended: 59 }), NONE, 60);
  expect(floorOf(floors)).toBe(0);
});

it('follows the reads that came after all of them had ended, as far as rows are settled', () => {
  const floors = begun();
  floors.passed(readTo(120, SECOND), NONE, 30); // rows to 100 are settled from here on
  expect(floorOf(floors)).toBe(0);
  floors.passed(readTo(150, { ended: 69, begun: 80, numbered: 300 }), NONE, 60);
  expect(floorOf(floors)).toBe(100);
  floors.passed(readTo(160, { ended: 80, begun: 90, numbered: 400 }), NONE, 90); // to 300
  floors.passed(readTo(170, { ended: 80, begun: 90, numbered: 400 }), NONE, 120);
  expect(floorOf(floors)).toBe(170);
});

it('does not pass the last row of a read, because more may be behind it', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.passed(readTo(40, SECOND), NONE, 60); // committed late, and numbered early
  expect(floorOf(floors)).toBe(40);
});

it('does not believe a read that was cut about a shard of which it returned nothing', () => {
  const afterReadOfOther = (isCut: boolean) => {
    const floors = begun();
    floors.passed(readTo(90, SECOND), NONE, 30);
    floors.next([SHARD, OTHER]);
    const read = { rows: [{ shard: OTHER, seq: '95' }], horizon: SECOND, isCut };
    floors.passed(read, NONE, 60);
    return floors.next([SHARD, OTHER]).get(SHARD);
  };
  expect(afterReadOfOther(true)).toBe(0);
  expect(afterReadOfOther(false)).toBe(100);
});

it('does not pass rows that are held up', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.passed(readTo(95, SECOND), new Set([SHARD]), 60);
  expect(floorOf(floors)).toBe(0);
});

it('waits half a second for an open transaction, and looks back until it has ended', () => {
  const floors = begun();
  floors.lookedBack([], 0, 1);
  const open = { ...SECOND, ended: 50 };
  floors.passed(readTo(95, open), NONE, 499);
  floors.passed(readTo(96, open), NONE, 500); // given up: rows to 100 may be passed
  floors.passed(readTo(97, open), NONE, 520);
  expect(floorOf(floors)).toBe(97);
  expect(floors.mustLookBack(2_499)).toBe(false);
  expect(floors.mustLookBack(2_500)).toBe(true);
  floors.lookedBack([{ shard: SHARD, seq: '60' }], 2_500, 2_510);
  expect(floorOf(floors)).toBe(59);
  floors.passed(readTo(98, open), NONE, 2_520);
  expect(floorOf(floors)).toBe(98);
  expect(floors.mustLookBack(4_499)).toBe(false);
  floors.passed(readTo(98, { ended: 90, begun: 90, numbered: 300 }), NONE, 2_530);
  expect(floors.mustLookBack(2_530)).toBe(true); // once more, for what it left when it ended
  floors.lookedBack([], 2_530, 2_540);
  expect(floorOf(floors)).toBe(98);
  expect(floors.mustLookBack(60_000)).toBe(false);
});

it('looks back once a minute, and no longer than a twentieth of the time', () => {
  const floors = begun();
  expect(floors.mustLookBack(0)).toBe(true);
  floors.lookedBack([], 0, 1_000);
  expect(floors.mustLookBack(59_999)).toBe(false);
  expect(floors.mustLookBack(60_000)).toBe(true);
  floors.lookedBack([], 60_000, 65_000);
  expect(floors.mustLookBack(164_999)).toBe(false);
  expect(floors.mustLookBack(165_000)).toBe(true);
});

it('leaves floors where no row has turned up behind them, and those of other shards', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.passed(readTo(95, SECOND), NONE, 60);
  floors.lookedBack(
    [
      { shard: SHARD, seq: '96' },
      { shard: OTHER, seq: '1' },
    ],
    70,
    71,
  );
  expect([...floors.next([SHARD])]).toEqual([[SHARD, 95]]);
});

it('serves the shard first that was served longest ago', () => {
  const floors = new ReadFloors();
  floors.next([1, 2, 3]);
  floors.passed({ rows: [{ shard: 1, seq: '1' }], horizon: FIRST, isCut: true }, NONE, 0);
  expect([...floors.next([1, 2, 3]).keys()]).toEqual([2, 3, 1]);
});

it('forgets shards that are no longer ours, and everything after a failure', () => {
  const passed = () => {
    const floors = begun();
    floors.passed(readTo(90, SECOND), NONE, 30);
    floors.passed(readTo(95, SECOND), NONE, 60);
    expect(floorOf(floors)).toBe(95);
    return floors;
  };
  const lost = passed();
  expect(lost.next([OTHER])).toEqual(new Map([[OTHER, 0]]));
  expect(floorOf(lost)).toBe(0);
  const failed = passed();
  failed.reset();
  expect(floorOf(failed)).toBe(0);
});

it('begins anew when the numbers went back, as after a standby took over that lacked the latest', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.passed(readTo(95, SECOND), NONE, 60); // rows to 100, and then to 200, are settled
  const back: Horizon = { ended: 55, begun: 55, numbered: 40 };
  floors.passed({ rows: [{ shard: OTHER, seq: '40' }], horizon: back, isCut: false }, NONE, 90);
  expect(floorOf(floors)).toBe(0);
  floors.passed({ rows: [{ shard: OTHER, seq: '41' }], horizon: back, isCut: false }, NONE, 120);
  floors.passed({ rows: [{ shard: OTHER, seq: '42' }], horizon: back, isCut: false }, NONE, 150);
  expect(floorOf(floors)).toBe(40);
});

it('does not take for settled after a failure what was so before', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.reset();
  floors.next([SHARD, OTHER]);
  floors.passed({ rows: [{ shard: OTHER, seq: '5' }], horizon: FIRST, isCut: false }, NONE, 60);
  expect(floors.next([SHARD, OTHER]).get(SHARD)).toBe(0);
});
