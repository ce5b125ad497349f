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
  floors.next([SHARD], 0);
  floors.passed(readTo(90, FIRST), NONE, 0);
  return floors;
}

const floorOf = (floors: ReadFloors, now: number) => floors.next([SHARD], now).get(SHARD);

it('begins at the start for a shard that was not read yet', () => {
  const start = new Map([
    [SHARD, 0],
    [OTHER, 0],
  ]);
  expect(begun().next([SHARD, OTHER], 10)).toEqual(start);
});

it('stays while a transaction is open that was so when the read came there', () => {
  const floors = begun();
  floors.passed(readTo(190, { ...SECOND, ended: 59 }), NONE, 30);
  floors.passed(readTo(290, { ...SECOND, ended: 59 }), NONE, 60);
  expect(floorOf(floors, 61)).toBe(0);
});

it('follows the reads that came after all of them had ended, as far as rows are settled', () => {
  const floors = begun();
  floors.passed(readTo(120, SECOND), NONE, 30); // rows to 100 are settled from here on
  expect(floorOf(floors, 31)).toBe(0);
  floors.passed(readTo(150, { ended: 69, begun: 80, numbered: 300 }), NONE, 60);
  expect(floorOf(floors, 61)).toBe(100);
  floors.passed(readTo(160, { ended: 80, begun: 90, numbered: 400 }), NONE, 90); // to 300
  floors.passed(readTo(170, { ended: 80, begun: 90, numbered: 400 }), NONE, 120);
  expect(floorOf(floors, 121)).toBe(170);
});

it('does not pass the last row of a read, because more may be behind it', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.passed(readTo(40, SECOND), NONE, 60); // committed late, and numbered early
  expect(floorOf(floors, 61)).toBe(40);
});

it('does not believe a read that was cut about a shard of which it returned nothing', () => {
  const afterReadOfOther = (isCut: boolean) => {
    const floors = begun();
    floors.passed(readTo(90, SECOND), NONE, 30);
    floors.next([SHARD, OTHER], 40);
    const read = { rows: [{ shard: OTHER, seq: '95' }], horizon: SECOND, isCut };
    floors.passed(read, NONE, 60);
    return floors.next([SHARD, OTHER], 61).get(SHARD);
  };
  expect(afterReadOfOther(true)).toBe(0);
  expect(afterReadOfOther(false)).toBe(100);
});

it('does not pass rows that are held up', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.passed(readTo(95, SECOND), new Set([SHARD]), 60);
  expect(floorOf(floors, 61)).toBe(0);
});

it('waits half a second for an open transaction, and then walks everything until it has ended', () => {
  const floors = begun();
  const open = { ...SECOND, ended: 50 };
  floors.passed(readTo(95, open), NONE, 499);
  floors.passed(readTo(96, open), NONE, 500); // given up: rows to 100 may be passed
  expect(floorOf(floors, 501)).toBe(0); // the first full walk
  floors.passed(readTo(97, open), NONE, 520);
  expect(floorOf(floors, 530)).toBe(97);
  expect(floorOf(floors, 2_502)).toBe(0); // the next one
  floors.passed(readTo(97, open), NONE, 2_510);
  expect(floorOf(floors, 2_511)).toBe(97);
  floors.passed(readTo(98, { ended: 90, begun: 90, numbered: 300 }), NONE, 2_520);
  expect(floorOf(floors, 2_521)).toBe(0); // once more, for what it left when it ended
  floors.passed(readTo(99, { ended: 90, begun: 90, numbered: 300 }), NONE, 2_530);
  expect(floorOf(floors, 9_000)).toBe(99);
});

it('serves the shard first that was served longest ago', () => {
  const floors = new ReadFloors();
  floors.next([1, 2, 3], 0);
  floors.passed({ rows: [{ shard: 1, seq: '1' }], horizon: FIRST, isCut: true }, NONE, 0);
  expect([...floors.next([1, 2, 3], 1).keys()]).toEqual([2, 3, 1]);
});

it('forgets shards that are no longer ours, and everything after a failure', () => {
  const passed = () => {
    const floors = begun();
    floors.passed(readTo(90, SECOND), NONE, 30);
    floors.passed(readTo(95, SECOND), NONE, 60);
    expect(floorOf(floors, 61)).toBe(95);
    return floors;
  };
  const lost = passed();
  expect(lost.next([OTHER], 62)).toEqual(new Map([[OTHER, 0]]));
  expect(floorOf(lost, 63)).toBe(0);
  const failed = passed();
  failed.reset();
  expect(floorOf(failed, 62)).toBe(0);
});

it('begins anew when the numbers went back, as after a standby took over that lacked the latest', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.passed(readTo(95, SECOND), NONE, 60); // rows to 100, and then to 200, are settled
  const back: Horizon = { ended: 55, begun: 55, numbered: 40 };
  floors.passed({ rows: [{ shard: OTHER, seq: '40' }], horizon: back, isCut: false }, NONE, 90);
  expect(floorOf(floors, 91)).toBe(0);
  floors.passed({ rows: [{ shard: OTHER, seq: '41' }], horizon: back, isCut: false }, NONE, 120);
  floors.passed({ rows: [{ shard: OTHER, seq: '42' }], horizon: back, isCut: false }, NONE, 150);
  expect(floorOf(floors, 151)).toBe(40);
});

it('does not take for settled after a failure what was so before', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.reset();
  floors.next([SHARD, OTHER], 40);
  floors.passed({ rows: [{ shard: OTHER, seq: '5' }], horizon: FIRST, isCut: false }, NONE, 60);
  expect(floors.next([SHARD, OTHER], 61).get(SHARD)).toBe(0);
});

it('walks everything once a minute', () => {
  const floors = begun();
  floors.passed(readTo(90, SECOND), NONE, 30);
  floors.passed(readTo(95, SECOND), NONE, 60);
  expect(floorOf(floors, 59_999)).toBe(95);
  expect(floorOf(floors, 60_000)).toBe(0);
});
