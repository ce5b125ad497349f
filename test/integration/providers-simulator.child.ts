import { FREE, SimulatorServer } from '../../src/simulators/index.js';

/** The free provider in a process of its own, so that it is no slower than the senders; says where it listens. */
const settings = { ...FREE, ...(JSON.parse(process.argv[2] ?? '{}') as object) };
const server = new SimulatorServer('free', settings);
process.send?.(await server.listen(0, '127.0.0.1'));
