import { ReadFloors } from './read-floors.js';

const NONE = new Set<number>();
const places = (seq: string) => new Map([[7, seq]]);

function walked(): ReadFloors {
  const floors = new ReadFloors();
  floors.begin([7], 0); // the full walk
  floors.end(places('100'), NONE, 10);
  return floors;
}

it('begins at the start for a shard that it has not walked', () => {
  expect(walked().begin([7, 8], 20)).toEqual(
    new Map([
      [7, '0'],
      [8, '0'],
    ]),
  );
});

it('begins where a walk ended half a second ago', () => {
  const floors = walked();
  floors.end(places('200'), NONE, 510);
  expect(floors.begin([7], 520)).toEqual(places('100'));
  floors.end(places('300'), NONE, 1_010);
  expect(floors.begin([7], 1_020)).toEqual(places('200'));
});

it('does not pass rows that a walk left behind', () => {
  const floors = walked();
  floors.end(places('200'), new Set([7]), 510);
  floors.end(places('300'), NONE, 1_010);
  expect(floors.begin([7], 1_020)).toEqual(places('100'));
});

it('walks everything every two seconds, and after a failure', () => {
  const floors = walked();
  floors.end(places('200'), NONE, 510);
  expect(floors.begin([7], 2_000)).toEqual(places('0'));
  expect(floors.begin([7], 2_010)).toEqual(places('100'));
  floors.reset();
  expect(floors.begin([7], 2_020)).toEqual(places('0'));
});

it('does not go back after a full walk that found nothing', () => {
  const floors = walked();
  floors.end(places('200'), NONE, 510);
  floors.begin([7], 2_000);
  floors.end(places('0'), NONE, 2_010);
  expect(floors.begin([7], 2_020)).toEqual(places('200'));
});
