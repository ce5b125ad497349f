/**
 * Seconds that the slow files take on two cores. A file that is not here takes less than any of them. Jest remembers
 * durations by itself, but not in a fresh clone, where it goes by size: the longest then begin last, and run alone.
 */
const SECONDS = {
  'test/faults/kill-in-flight': 125,
  'test/faults/crash-points': 120,
  'test/contract/rabbitmq-outages': 80,
  'test/faults/broker-restarted': 62,
  'test/faults/leaving.': 61,
  'test/faults/broker-line': 60,
  'test/faults/postgres-line': 59,
  'test/integration/message-circuit': 52,
  'test/integration/providers-quota': 45,
  'test/e2e/tasks-running': 40,
  'test/integration/message-order': 36,
  'test/integration/outbox': 35,
  'test/e2e/tutorial': 35,
  'test/support/services.int': 35,
  'src/providers/messages-api': 34,
  'test/faults/disturbed-messages': 34,
  'test/e2e/ml-example': 30,
  'test/faults/betting-kills': 25,
  'test/faults/postgres-killed': 25,
};
/** Of the others, by what their names say they need. */
const BY_KIND = { '.e2e.spec.ts': 20, '.int.spec.ts': 10 };

/** Orders the files of a run so that no worker is left alone with a long one. */
export default class LongestFirst {
  sort(tests) {
    return tests.toSorted((a, b) => secondsOf(b.path) - secondsOf(a.path));
  }

  allFailedTests(tests) {
    return tests;
  }

  /** The list above is kept by hand. */
  cacheResults() {}
}

function secondsOf(path) {
  for (const table of [SECONDS, BY_KIND]) {
    const known = Object.entries(table).find(([part]) => path.includes(part));
    if (known) return known[1];
  }
  return 0;
}
