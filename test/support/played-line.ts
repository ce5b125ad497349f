import { randomUUID } from 'node:crypto';
import type { LineEvent } from '../../src/betting/bet-maker/line/line.dto.js';
import {
  type Broker,
  type BrokerMessage,
  type Consumption,
  EVENTS_EXCHANGE,
} from '../../src/kernel/messaging/broker.js';

type Status = LineEvent['status'];

/** An event of the line as it goes over the wire. */
export interface WireEvent {
  readonly event_id: string;
  readonly version: number;
  readonly ratio: string;
  readonly deadline: string;
  readonly status: Status;
  readonly result: null | {
    readonly settlement: number;
    readonly outcome: 'won' | 'lost' | 'void';
    readonly void_share: string;
    readonly dead_heat: string;
  };
  readonly feed_version: string;
  readonly changed_at: string;
}

const CHANGED = 'line-provider.event-changed.v1';
const HEARTBEAT = 'line-provider.heartbeat.v1';

/** Plays the line provider on the wire: publishes what a test changes, and answers snapshots from what is true. */
export class PlayedLine {
  readonly events = new Map<string, WireEvent>();
  /** What was asked for, in order. */
  readonly asked: unknown[] = [];
  incarnation: string = randomUUID();
  /** Sees every message before it goes; what it answers is published. Default: the message itself. */
  disturb: (message: BrokerMessage) => readonly BrokerMessage[] = (message) => [message];
  #feed = 0;
  #consumption: Consumption | undefined;

  constructor(private readonly broker: Broker) {}

  /** Answers snapshots from now on. */
  async listen(): Promise<this> {
    await this.broker.declare([
      {
        name: 'line-provider',
        bindings: [{ exchange: 'millrace.commands', routingKey: 'line-provider.#' }],
      },
    ]);
    this.#consumption = await this.broker.consume('line-provider', 10, (delivery) => {
      void this.#answer(delivery.message).then(() => delivery.ack());
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.#consumption?.stop();
    this.#consumption = undefined;
  }

  /** A new event, or the next version of one. */
  async change(eventId: string, change: Partial<WireEvent> = {}): Promise<WireEvent> {
    const event = this.note(eventId, change);
    await this.publish(CHANGED, event, eventId);
    return event;
  }

  /** The same without telling anybody. */
  note(eventId: string, change: Partial<WireEvent> = {}): WireEvent {
    const before = this.events.get(eventId);
    this.#feed += 1;
    const event: WireEvent = {
      ratio: '2.000',
      deadline: new Date(Date.now() + 3_600_000).toISOString(),
      status: 'open',
      result: null,
      ...before,
      ...change,
      event_id: eventId,
      version: (before?.version ?? 0) + 1,
      feed_version: String(this.#feed),
      changed_at: change.changed_at ?? new Date().toISOString(),
    };
    this.events.set(eventId, event);
    return event;
  }

  result(
    eventId: string,
    outcome: 'won' | 'lost' | 'void',
    more: Partial<NonNullable<WireEvent['result']>> = {},
  ): Promise<WireEvent> {
    const settlement = (this.events.get(eventId)?.result?.settlement ?? 0) + 1;
    const result = { settlement, outcome, void_share: '0.000', dead_heat: '1.000', ...more };
    return this.change(eventId, { status: outcome === 'void' ? 'voided' : 'resulted', result });
  }

  async beat(): Promise<void> {
    const body = {
      at: new Date().toISOString(),
      feed_version: String(this.#feed),
      incarnation: this.incarnation,
    };
    await this.publish(HEARTBEAT, body);
  }

  async publish(type: string, body: unknown, key?: string): Promise<void> {
    const message: BrokerMessage = {
      id: randomUUID(),
      exchange: EVENTS_EXCHANGE,
      routingKey: type,
      headers: key === undefined ? {} : { 'cloudEvents:subject': key },
      contentType: 'application/json',
      payload: Buffer.from(JSON.stringify(body)),
    };
    const messages = this.disturb(message);
    const outcomes = messages.length > 0 ? await this.broker.publish(messages) : [];
    const failed = outcomes.find((outcome) => outcome !== undefined);
    if (failed) throw failed;
  }

  async #answer(question: BrokerMessage): Promise<void> {
    const asked = JSON.parse(question.payload.toString()) as { event_ids?: string[] };
    this.asked.push(asked);
    const items = [...this.events.values()].filter(
      (event) => asked.event_ids?.includes(event.event_id) ?? true,
    );
    const answer = {
      items,
      next_cursor: null,
      feed_version: String(this.#feed),
      incarnation: this.incarnation,
    };
    if (question.replyTo === undefined) return;
    await this.broker.reply({
      id: randomUUID(),
      exchange: 'millrace.commands',
      routingKey: question.replyTo,
      replyTo: question.replyTo,
      ...(question.correlationId === undefined ? {} : { correlationId: question.correlationId }),
      headers: {},
      contentType: 'application/json',
      payload: Buffer.from(JSON.stringify(answer)),
    });
  }
}
