import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** When a line is cut by {@link TcpProxy.cutAt}: before those bytes pass, or once they were answered, unheard. */
export type CutMoment = 'before' | 'answered';

/** A line to a server that a test can cut and freeze. */
export interface TcpProxy {
  readonly port: number;
  /** Resets every connection; new ones are taken at once. */
  cut(): void;
  /** Resets the next connection whose client sends bytes with that mark; resolves when it was so. */
  cutAt(mark: Buffer | string, moment: CutMoment): Promise<void>;
  /** Half-open: connections stay and new ones are taken, but no byte passes either way. */
  freeze(): void;
  /** What was held up passes, in order. */
  thaw(): void;
  close(): Promise<void>;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

interface Trap {
  readonly mark: Buffer;
  readonly moment: CutMoment;
  readonly sprung: () => void;
}

/** On the given port, so that a line can come back where it was; default: any free one. */
export async function tcpProxy(to: Address, port = 0): Promise<TcpProxy> {
  const lines = new Lines();
  const server = createServer({ pauseOnConnect: true }, (near) => {
    lines.add(near, connect(to.port, to.host));
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      lines.cut();
    },
    cutAt: (mark, moment) => lines.cutAt(Buffer.from(mark), moment),
    freeze: () => {
      lines.freeze(true);
    },
    thaw: () => {
      lines.freeze(false);
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      lines.cut();
      await closed;
    },
  };
}

/** The connections of a proxy, each a pair of sockets. */
class Lines {
  /** Each with its other end. */
  readonly #sockets = new Map<Socket, Socket>();
  readonly #traps = new Set<Trap>();
  #isFrozen = false;

  add(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.set(socket, other);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy()); // its `close` follows
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (!this.#isFrozen) other.destroy(); // else nobody there hears of it yet
      });
    }
    let hasSprung = false;
    this.#forward(near, far, (chunk) => {
      const trap = hasSprung ? undefined : this.#trapFor(chunk);
      if (!trap) return true;
      hasSprung = true;
      if (trap.moment === 'before') reset(near, far, trap);
      else far.once('data', () => reset(near, far, trap));
      return trap.moment === 'answered';
    });
    this.#forward(far, near, () => !hasSprung);
    if (!this.#isFrozen) near.resume();
    else far.pause();
  }

  cut(): void {
    for (const socket of this.#sockets.keys()) socket.resetAndDestroy();
  }

  cutAt(mark: Buffer, moment: CutMoment): Promise<void> {
    return new Promise((sprung) => this.#traps.add({ mark, moment, sprung }));
  }

  freeze(isFrozen: boolean): void {
    this.#isFrozen = isFrozen;
    for (const [socket, other] of this.#sockets) {
      if (isFrozen) socket.pause();
      else if (other.destroyed) socket.destroy();
      else socket.resume();
    }
  }

  #trapFor(chunk: Buffer): Trap | undefined {
    for (const trap of this.#traps) {
      if (!chunk.includes(trap.mark)) continue;
      this.#traps.delete(trap);
      return trap;
    }
    return undefined;
  }

  /** What may not pass is dropped. */
  #forward(from: Socket, to: Socket, mayPass: (chunk: Buffer) => boolean): void {
    from.on('data', (chunk: Buffer) => {
      if (!mayPass(chunk) || to.write(chunk)) return;
      from.pause();
      to.once('drain', () => {
        if (!this.#isFrozen) from.resume();
      });
    });
    if (this.#isFrozen) from.pause();
    from.on('end', () => to.end());
  }
}

function reset(near: Socket, far: Socket, { sprung }: Trap): void {
  near.resetAndDestroy();
  far.resetAndDestroy();
  sprung();
}
