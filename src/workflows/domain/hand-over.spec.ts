import { DomainError } from '../../kernel/domain/domain-error.js';
import { type Hands, type HandOver, handedOver } from './hand-over.js';

const FREE: Hands = { assignee: null, owner: null };
const OF_ANN: Hands = { assignee: 'ann', owner: null };
const OF_BEN_FOR_ANN: Hands = { assignee: 'ben', owner: 'ann' };

const claim: HandOver = { act: 'claim' };
const release: HandOver = { act: 'release' };
const assign: HandOver = { act: 'assign', to: 'cleo' };
const delegate: HandOver = { act: 'delegate', to: 'ben' };

function after(hands: Hands, wish: HandOver, id: string): Hands | string {
  const who = { id, operates: id === 'operator' };
  const found = handedOver({ id: 'task', ...hands }, wish, who);
  return found instanceof DomainError ? found.code : found;
}

describe('a user task is handed over', () => {
  it.each([
    ['claimed by one who finds it free', FREE, claim, 'ann', OF_ANN],
    ['claimed again by who has it', OF_ANN, claim, 'ann', OF_ANN],
    ['claimed by another', OF_ANN, claim, 'ben', 'user-task-claimed'],
    ['claimed by an operator from another', OF_ANN, claim, 'operator', 'user-task-claimed'],
    ['released by who has it', OF_ANN, release, 'ann', FREE],
    ['released by another', OF_ANN, release, 'ben', 'user-task-of-another'],
    ['released by an operator', OF_ANN, release, 'operator', FREE],
    ['released where nobody has it', FREE, release, 'ben', FREE],
    ['assigned by who has it', OF_ANN, assign, 'ann', { assignee: 'cleo', owner: null }],
    ['assigned by another', OF_ANN, assign, 'ben', 'user-task-of-another'],
    ['assigned by one to whom it was offered', FREE, assign, 'ann', 'user-task-of-another'],
    ['assigned by an operator', FREE, assign, 'operator', { assignee: 'cleo', owner: null }],
    ['delegated by who has it', OF_ANN, delegate, 'ann', OF_BEN_FOR_ANN],
    ['delegated by nobody', FREE, delegate, 'ann', 'user-task-unclaimed'],
    ['delegated by another', OF_ANN, delegate, 'ben', 'user-task-of-another'],
    [
      'delegated once more, for its first owner',
      OF_BEN_FOR_ANN,
      { act: 'delegate', to: 'cleo' },
      'ben',
      { assignee: 'cleo', owner: 'ann' },
    ],
    ['delegated back', OF_BEN_FOR_ANN, { act: 'delegate', to: 'ann' }, 'ben', OF_ANN],
    ['given back by the delegate', OF_BEN_FOR_ANN, release, 'ben', OF_ANN],
    ['claimed back by its owner', OF_BEN_FOR_ANN, claim, 'ann', OF_ANN],
    ['claimed again by the delegate', OF_BEN_FOR_ANN, claim, 'ben', OF_BEN_FOR_ANN],
    ['assigned away from both', OF_BEN_FOR_ANN, assign, 'ben', { assignee: 'cleo', owner: null }],
  ] as const)('%s', (...[, hands, wish, id, then]) => {
    expect(after(hands, wish, id)).toEqual(then);
  });
});
