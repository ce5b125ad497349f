import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestInstance } from '../../../test/support/workflow-instance.js';
import { compileWorkflow } from '../definition/compile.js';
import { workflowDraft } from '../definition/draft.js';
import { validateWorkflow } from '../definition/validate.js';

const file = join(import.meta.dirname, '../../../examples/workflows/machine-repair.json');
const draft: unknown = JSON.parse(readFileSync(file, 'utf8'));

function watch(): TestInstance {
  const instance = new TestInstance(compileWorkflow(workflowDraft.parse(draft)));
  instance.config = { max_heat: 80, max_vibration: 5, mail_to: 'plant@example.com' };
  return instance.start({ equipment: 'pump-7' });
}

const report = (instance: TestInstance, name: string, value: number): TestInstance =>
  instance.send({ type: 'signal', name, key: 'pump-7', data: { value } });

describe('the repair of a machine that a prediction system watches', () => {
  it('can be published', () => {
    expect(validateWorkflow(draft)).toEqual([]);
  });

  it('asks the operator only when both criteria hold at the same time', () => {
    const instance = watch();
    report(instance, 'heat', 90);
    expect(instance.waiting).toEqual(['watch']);
    report(instance, 'heat', 60);
    report(instance, 'vibration', 7);
    expect(instance.waiting).toEqual(['watch']);
    report(instance, 'heat', 91);
    expect(instance.waiting).toEqual(['look']);
    expect(instance.effectsOf('create_user_task')[0]).toMatchObject({
      outcomes: ['confirmed', 'rejected'],
      task: { roles: ['operator'], data: { heat: { value: 91 }, vibration: { value: 7 } } },
    });
  });

  it('does not hear of other equipment', () => {
    const other = { type: 'signal', name: 'heat', key: 'pump-8', data: { value: 99 } } as const;
    expect(watch().try(other)?.code).toBe('nobody-waits');
  });

  it('confirmed, has the technologist repair, and mails whom the config names then', () => {
    const instance = watch();
    report(report(instance, 'heat', 90), 'vibration', 7);
    instance.complete('look', 'confirmed');
    expect(instance.effectsOf('create_user_task')[0]?.task).toMatchObject({
      roles: ['technologist'],
    });
    instance.config = { ...instance.config, mail_to: 'new@example.com' };
    instance.complete('repair', 'done', { note: 'bearing changed' });
    expect(instance.effectsOf('create_job')).toMatchObject([
      { kind: 'mail', input: { to: 'new@example.com', subject: 'pump-7 is repaired' } },
    ]);
    expect(instance.complete('mail').state.status).toBe('completed');
  });

  it('rejected, has the engineer change the thresholds, and watches on with the new ones', () => {
    const instance = watch();
    report(report(instance, 'heat', 90), 'vibration', 7);
    instance.complete('look', 'rejected');
    expect(instance.waiting).toEqual(['tune']);
    instance.complete('tune', 'done', { max_heat: 95, max_vibration: 5 });
    expect(instance.effectsOf('create_job')).toMatchObject([
      { kind: 'configure', input: { max_heat: 95, max_vibration: 5 } },
    ]);
    instance.config = { ...instance.config, max_heat: 95 };
    instance.complete('apply');
    expect(instance.waiting).toEqual(['watch']);
    report(instance, 'heat', 92);
    expect(instance.waiting).toEqual(['watch']);
    report(instance, 'heat', 96);
    expect(instance.waiting).toEqual(['look']);
  });
});
