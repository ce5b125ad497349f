export { FREE, PAID, SimulatorServer } from './simulator-server.js';
export { SimulatorsModule } from './simulators.module.js';
