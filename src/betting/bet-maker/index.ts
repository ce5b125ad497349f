export { BetMakerModule } from './bet-maker.module.js';
export { PlaceBets } from './commands/place-bets.js';
export { CreateBetMaker1763683206000 } from './migrations/1763683206000-create-bet-maker.js';
