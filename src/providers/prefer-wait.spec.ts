import { secondsToWait } from './prefer-wait.js';

describe('the time that a client prefers to wait', () => {
  it.each([
    ['wait=5', 5],
    ['respond-async, wait=10', 10],
    ['wait = "7"; foo', 7],
    ['wait=600', 60],
    ['wait=0', 0],
    ['wait=-5', 0],
    ['wait=soon', 0],
    ['await=5', 0],
    ['wait=99999999999', 0],
    [undefined, 0],
  ])('of %s is %d s', (header, seconds) => {
    expect(secondsToWait(header)).toBe(seconds);
  });
});
