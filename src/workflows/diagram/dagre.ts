import * as dagre from '@dagrejs/dagre';

/** What is known of a node or a flow before the layout, and where it is after it. */
export interface Placed {
  readonly x?: number;
  readonly y?: number;
  readonly width?: number;
  readonly height?: number;
  readonly points?: readonly { readonly x: number; readonly y: number }[];
}

/** The part of dagre's graph that is needed. */
export interface LayoutGraph {
  setGraph(options: Readonly<Record<string, string | number>>): unknown;
  setNode(id: string, size: Placed): unknown;
  setEdge(
    from: string,
    to: string,
    size: Placed & { readonly labelpos?: string },
    name: string,
  ): unknown;
  hasNode(id: string): boolean;
  graph(): Placed;
  node(id: string): Placed;
  edge(from: string, to: string, name: string): Placed;
}

/** The types that the library brings name their files without an extension, which ES modules do not resolve. */
export const { Graph, layout } = dagre as unknown as {
  readonly Graph: new (options: { readonly multigraph: boolean }) => LayoutGraph;
  readonly layout: (graph: LayoutGraph) => void;
};
