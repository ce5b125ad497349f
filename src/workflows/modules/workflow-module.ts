import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { TaskContext } from '../../tasks/index.js';

/** What a module may know and use while it works. */
export interface ModuleContext extends Pick<TaskContext, 'attempt' | 'signal' | 'logger'> {
  readonly instanceId: string;
  readonly workflow: string;
  readonly node: string;
  /** The same however often the work is tried: give it to whoever outside must do it only once. */
  readonly idempotencyKey: string;
}

export interface ModuleResult {
  /** One of the node's; default: its first. */
  readonly outcome?: string;
  /** JSON; becomes the variable of the node's name, unless its `output` says otherwise. */
  readonly result?: unknown;
}

/** Does what a kind of node does. Runs as a task: at least once, tried again when it throws. */
export interface WorkflowModuleRunner<Config = unknown> {
  execute(config: Config, context: ModuleContext): Promise<ModuleResult>;
}

export interface WorkflowModuleOptions {
  /** The `kind` of the nodes that it works for. */
  readonly name: string;
  readonly description?: string;
  /** What a node's `config` must be, once its expressions are computed. Default: any object. */
  readonly config?: z.ZodType;
  /** What it may report; a node may declare fewer. Default: `done`. */
  readonly outcomes?: readonly string[];
}

const MODULE = Symbol('millrace:workflow-module');

/** Makes a class a kind of node: `@WorkflowModule({ name: 'sms', config: Sms, outcomes: ['done', 'refused'] })`. */
export function WorkflowModule(options: WorkflowModuleOptions): ClassDecorator {
  return (target) => {
    Injectable()(target);
    Reflect.defineMetadata(MODULE, options, target);
  };
}

export function workflowModuleOf(target: object): WorkflowModuleOptions | undefined {
  return Reflect.getMetadata(MODULE, target) as WorkflowModuleOptions | undefined;
}
