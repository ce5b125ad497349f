import fc from 'fast-check';
import { START, TestInstance, workflow } from '../../../test/support/workflow-instance.js';

type Mode = 'each' | 'all' | 'sync' | 'one' | 'two';

interface GraphNode {
  readonly isTask: boolean;
  readonly mode: Mode;
  /** Targets by outcome. */
  readonly follows: readonly (readonly number[])[];
}

interface Graph {
  readonly starts: readonly number[];
  readonly nodes: readonly GraphNode[];
}

const SIZE = 7;
const outcome = (index: number): string => `o${index}`;

/** Gateways lead forwards only, because a loop that never waits is an incident; tasks lead anywhere. */
const graphs: fc.Arbitrary<Graph> = fc.record({
  starts: fc.uniqueArray(fc.nat(SIZE - 1), { minLength: 1, maxLength: 3 }),
  nodes: fc
    .array(
      fc.record({
        isTask: fc.boolean(),
        mode: fc.constantFrom<Mode>('each', 'each', 'all', 'sync', 'one', 'two'),
        follows: fc.array(fc.uniqueArray(fc.nat(SIZE - 1), { maxLength: 2 }), {
          minLength: 1,
          maxLength: 2,
        }),
      }),
      { minLength: SIZE, maxLength: SIZE },
    )
    .map((nodes) => nodes.map(forwards)),
});

function forwards(node: GraphNode, index: number): GraphNode {
  if (node.isTask) return node;
  const [first = []] = node.follows;
  return { ...node, follows: [first.filter((target) => target > index)] };
}

interface Edge {
  readonly from: number;
  readonly outcome: number;
  readonly to: number;
}

const edgesOf = ({ starts, nodes }: Graph): Edge[] => [
  ...starts.map((to) => ({ from: -1, outcome: 0, to })),
  ...nodes.flatMap(({ follows }, from) =>
    follows.flatMap((targets, one) => targets.map((to) => ({ from, outcome: one, to }))),
  ),
];

/** What "n of m" asks for more branches than there are is a plain merge. */
function modeOf(graph: Graph, node: number): Mode {
  const { mode } = graph.nodes[node]!;
  const incoming = edgesOf(graph).filter(({ to }) => to === node).length;
  return mode === 'two' && incoming < 2 ? 'each' : mode;
}

/**
 * The token game as the books tell it: a heap of tokens, each on an edge or at a task, and rules that are tried until
 * none applies. Slow, and plain enough to be believed.
 */
class NaiveGame {
  onEdges: Edge[] = [];
  atTasks: number[] = [];
  readonly #fired = new Set<number>();
  readonly #edges: Edge[];

  constructor(readonly graph: Graph) {
    this.#edges = edgesOf(graph);
    this.onEdges = this.#edges.filter(({ from }) => from === -1);
    this.#settle();
  }

  complete(task: number, one: number): void {
    this.atTasks.splice(this.atTasks.indexOf(task), 1);
    this.#leave(task, one);
    this.#settle();
  }

  get state(): 'running' | 'completed' | 'deadlock' {
    if (this.atTasks.length > 0) return 'running';
    return this.onEdges.some(({ to }) => !this.#fired.has(to)) ? 'deadlock' : 'completed';
  }

  #leave(node: number, one: number): void {
    this.onEdges.push(
      ...this.#edges.filter(({ from, outcome: of }) => from === node && of === one),
    );
  }

  #begin(node: number): void {
    if (this.graph.nodes[node]!.isTask) this.atTasks.push(node);
    else this.#leave(node, 0);
  }

  #settle(): void {
    const nodes = this.graph.nodes.map((_, node) => node);
    while (nodes.some((node) => this.#apply(node)) || nodes.some((node) => this.#merge(node)));
  }

  #present(node: number): Edge[] {
    return this.#edges.filter((edge) => edge.to === node && this.onEdges.includes(edge));
  }

  #take(edges: readonly Edge[]): void {
    for (const edge of edges) this.onEdges.splice(this.onEdges.indexOf(edge), 1);
  }

  /** Tries the rule of one node; true if it applied. */
  #apply(node: number): boolean {
    const present = this.#present(node);
    if (present.length === 0) return false;
    const isWhole = present.length === this.#edges.filter(({ to }) => to === node).length;
    switch (modeOf(this.graph, node)) {
      case 'sync':
        return false;
      case 'each':
        return this.#beginWith(node, present.slice(0, 1));
      case 'all':
        return isWhole && this.#beginWith(node, present);
      case 'one':
        return this.#applyRound(node, present, 1);
      case 'two':
        return this.#applyRound(node, present, 2);
    }
  }

  #beginWith(node: number, edges: readonly Edge[]): boolean {
    this.#take(edges);
    this.#begin(node);
    return true;
  }

  /** A join of n begins once a round, and the round ends when every branch has come. */
  #applyRound(node: number, present: readonly Edge[], n: number): boolean {
    if (!this.#fired.has(node)) {
      if (present.length < n) return false;
      this.#fired.add(node);
      this.#begin(node);
      return true;
    }
    if (present.length < this.#edges.filter(({ to }) => to === node).length) return false;
    this.#fired.delete(node);
    this.#take(present);
    return true;
  }

  /** The synchronizing merge: begins when no token elsewhere can come to it without passing it. */
  #merge(node: number): boolean {
    const present = this.#present(node);
    if (modeOf(this.graph, node) !== 'sync' || present.length === 0) return false;
    if (this.atTasks.some((task) => this.#reaches(task, node))) return false;
    const elsewhere = this.onEdges.map(({ to }) => to).filter((to) => to !== node);
    const expected = elsewhere.some((other) => {
      if (this.#fired.has(other) || !this.#reaches(other, node)) return false;
      // Two merges that wait for each other: the first one begins.
      const isMutual = modeOf(this.graph, other) === 'sync' && this.#reaches(node, other);
      return !isMutual || other < node;
    });
    if (expected) return false;
    this.onEdges = this.onEdges.filter(({ to }) => to !== node);
    this.#begin(node);
    return true;
  }

  /** Whether there is a way from a node to another one that does not lead through that one before. */
  #reaches(from: number, to: number): boolean {
    if (from === to) return false;
    const seen = new Set([from]);
    for (const node of seen)
      for (const edge of this.#edges) {
        if (edge.from !== node) continue;
        if (edge.to === to) return true;
        seen.add(edge.to);
      }
    return false;
  }
}

function compile(graph: Graph): TestInstance {
  const nodes = graph.nodes.map((node, i) => ({
    id: `n${i}`,
    type: node.isTask ? 'task' : 'gateway',
    ...(node.isTask && { kind: 'human' }),
    outcomes: node.follows.map((_, one) => outcome(one)),
    final: true,
    join: joinOf(modeOf(graph, i)),
  }));
  const flows = edgesOf(graph).map(({ from, outcome: one, to }) =>
    from === -1 ? `start>n${to}` : `n${from}[${outcome(one)}]>n${to}`,
  );
  return new TestInstance(workflow([START, ...nodes], flows));
}

const joinOf = (mode: Mode): object => {
  if (mode === 'one') return { mode: 'n', n: 1, rest: 'block' };
  return mode === 'two' ? { mode: 'n', n: 2, rest: 'block' } : { mode };
};

function stateOf(instance: TestInstance): string {
  return instance.incidents.includes('deadlock') ? 'deadlock' : instance.state.status;
}

const schedules = fc.array(fc.record({ pick: fc.nat(1_000), one: fc.nat(1) }), { maxLength: 20 });

describe('the engine', () => {
  it('agrees with a naive token game on random graphs under random schedules', () => {
    fc.assert(
      fc.property(graphs, schedules, (graph, schedule) => {
        const game = new NaiveGame(graph);
        const instance = compile(graph).start();
        for (const { pick, one } of schedule) {
          const pending = [...game.atTasks].sort();
          expect(instance.waiting.sort()).toEqual(pending.map((node) => `n${node}`));
          expect(stateOf(instance)).toBe(game.state);
          if (pending.length === 0 || pending.length > 40) return;
          const task = pending[pick % pending.length]!;
          const chosen = one % graph.nodes[task]!.follows.length;
          game.complete(task, chosen);
          instance.complete(`n${task}`, outcome(chosen));
        }
      }),
      { numRuns: 400 },
    );
  });
});
