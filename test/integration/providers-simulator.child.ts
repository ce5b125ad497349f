import { FREE, SimulatorServer } from '../../src/simulators/index.js';

/** The free provider in a process of its own, so that it is no slower than the senders; says where it listens. */
const server = new SimulatorServer('free', FREE);
process.send?.(await server.listen(0, '127.0.0.1'));
