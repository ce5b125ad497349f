import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { AllowedMethods } from './allowed-methods.js';
import { ProblemFilter } from './problem.filter.js';

it('passes on the errors of messages untouched', () => {
  const error = new Error('a handler failed');
  const host = new ExecutionContextHost([{}]);
  host.setType('amqp');
  expect(() => {
    new ProblemFilter(new AllowedMethods()).catch(error, host);
  }).toThrow(error);
});
