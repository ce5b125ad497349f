import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { z } from 'zod';
import type { ModuleView } from '../workflows.dto.js';
import { TASK_MODULES } from './task-modules.js';
import {
  type WorkflowModuleOptions,
  workflowModuleOf,
  type WorkflowModuleRunner,
} from './workflow-module.js';

/** A kind of tasks, as far as a module needs to know it. */
interface TaskKind {
  readonly kind: string;
  readonly payload_schema: Record<string, unknown>;
}

export interface RegisteredModule extends WorkflowModuleOptions {
  readonly runner: WorkflowModuleRunner;
}

const text = z.string();
const anything = z.record(text, z.json());

/** What the engine and the tasks module do themselves. */
const BUILT_IN: readonly Omit<ModuleView, 'config_schema'>[] = [
  { name: 'set', description: 'Sets variables.', outcomes: ['done'] },
  {
    name: 'decision',
    description: 'Decides by a table; a rule may name the outcome.',
    outcomes: [],
  },
  { name: 'human', description: 'Asks people.', outcomes: [] },
  { name: 'task:<kind>', description: 'A task of a kind of GET /task-kinds.', outcomes: [] },
];

const HUMAN = z.object({
  title: text.optional(),
  roles: z.array(text).optional(),
  users: z.array(text).optional(),
  form: anything.optional().meta({ description: 'JSON Schema of what is given back.' }),
  data: z.json().optional().meta({ description: 'What people need to know.' }),
});

/** Every kind of node that can be worked for: what is built in, and every class with `@WorkflowModule`. */
@Injectable()
export class WorkflowModules implements OnModuleInit {
  readonly #modules = new Map<string, RegisteredModule>();

  constructor(private readonly discovery: DiscoveryService) {}

  /** Fails the boot when two modules have one name. */
  onModuleInit(): void {
    for (const { metatype, instance } of this.discovery.getProviders()) {
      const options = metatype && workflowModuleOf(metatype);
      if (!options || !instance) continue;
      const isTaken =
        this.#modules.has(options.name) || BUILT_IN.some(({ name }) => name === options.name);
      if (isTaken) throw new Error(`Two workflow modules "${options.name}"`);
      this.#modules.set(options.name, { ...options, runner: instance as WorkflowModuleRunner });
    }
  }

  get(name: string): RegisteredModule | undefined {
    return this.#modules.get(name);
  }

  /** Of those with a class. */
  get names(): string[] {
    return [...this.#modules.keys()].sort();
  }

  /** With those that these kinds of tasks make possible. */
  views(kinds: readonly TaskKind[]): ModuleView[] {
    const builtIn = BUILT_IN.map((module) => {
      return { ...module, config_schema: schemaOf(module.name === 'human' ? HUMAN : anything) };
    });
    const byName = [...this.#modules.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const registered = byName.map(
      ({ name, description = '', config = anything, outcomes = ['done'] }) => {
        return { name, description, config_schema: schemaOf(config), outcomes: [...outcomes] };
      },
    );
    return [...builtIn, ...kinds.flatMap(viewOf), ...registered];
  }
}

/** Of a module that is a kind of tasks. */
function viewOf({ kind, payload_schema: schema }: TaskKind): ModuleView[] {
  const named = Object.entries(TASK_MODULES).filter(([, task]) => task === kind);
  return named.map(([name]) => {
    const description = `A task of the kind ${kind}.`;
    return { name, description, config_schema: schema, outcomes: ['done'] };
  });
}

const schemaOf = (schema: z.ZodType): Record<string, unknown> =>
  z.toJSONSchema(schema, { io: 'input' });
