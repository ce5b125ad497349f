import { Controller, Module, Scope } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { MessageScope, OnEvent, OnMessage } from '../../src/kernel/messaging/message.decorators.js';
import { TaskHandler } from '../../src/tasks/index.js';
import { bootApp } from '../support/app.js';

@Controller('first')
@MessageScope('clash')
class First {
  @OnMessage(':id/run')
  run(): void {}
}

@Controller('second')
@MessageScope('clash')
class SameRoute {
  @OnMessage(':name/run')
  run(): void {}
}

@Controller('events')
@MessageScope('clash')
class TwoHandlers {
  @OnEvent('probe.heard.v1')
  hear(): void {}

  @OnEvent('probe.heard.v1')
  hearToo(): void {}
}

@Controller('third')
@MessageScope('clash')
class Distinct {
  @OnMessage('all/run')
  runAll(): void {}
}

@Controller('laned')
@MessageScope('laned', { lanes: () => ['slow', 'fast'] })
class Laned {
  @OnMessage('run')
  run(): void {}
}

@Controller('laned-events')
@MessageScope('laned')
class HearsInLanes {
  @OnEvent('models/:id/trained')
  hear(): void {}
}

@Controller('laned-patterns')
@MessageScope('laned')
class HearsInLanesByPattern {
  @EventPattern('probe.heard.v1')
  hear(_event: unknown): void {}
}

@TaskHandler('noop')
class SecondNoop {
  run(): Promise<null> {
    return Promise.resolve(null);
  }
}

const moduleOf = (...controllers: (new () => object)[]) => {
  @Module({ controllers })
  class Given {}
  return Given;
};

describe('the boot', () => {
  it('is refused for routes that match the same messages, in whatever controllers', async () => {
    await expect(bootApp({ modules: [moduleOf(First, SameRoute)] })).rejects.toThrow(
      'Scope "clash": the routes ":id/run" and ":name/run" match the same messages',
    );
  });

  it('is refused for two handlers of one event in a scope', async () => {
    await expect(bootApp({ modules: [moduleOf(TwoHandlers)] })).rejects.toThrow(
      '"probe.heard.v1" and "probe.heard.v1" match the same messages',
    );
  });

  it.each([
    ['models.*.trained', HearsInLanes],
    ['probe.heard.v1', HearsInLanesByPattern],
  ])('is refused for the event %s in a scope with lanes', async (event, controller) => {
    await expect(bootApp({ modules: [moduleOf(Laned, controller)] })).rejects.toThrow(
      `Scope "laned" has lanes, so none of its queues could take the event "${event}" alone`,
    );
  });

  it('is refused for two handlers of one kind of task', async () => {
    @Module({ providers: [SecondNoop] })
    class Given {}
    await expect(bootApp({ modules: [Given] })).rejects.toThrow('Two handlers of task kind "noop"');
  });

  it('is refused for a port that is taken, and leaves nothing running', async () => {
    const first = await bootApp();
    const { port } = new URL(first.http.url);
    await expect(bootApp({ env: { PORT: port } })).rejects.toThrow('EADDRINUSE');
  });

  it('is granted where one route is the more exact one', async () => {
    const app = await bootApp({ modules: [moduleOf(First, Distinct)] });
    expect((await app.http.get('/health')).status).toBe(200);
  });
});

describe('the boot with decorators of Nest', () => {
  const refusal = async (controller: new () => object) => {
    const booted = bootApp({ modules: [moduleOf(controller)] });
    return String(await booted.catch((reason: unknown) => reason));
  };

  it('is refused for a controller without a scope', async () => {
    @Controller()
    class Homeless {
      @EventPattern('probe.happened.v1')
      hear(_event: unknown): void {}
    }
    expect(await refusal(Homeless)).toContain(
      'Homeless has handlers for messages, but has no @MessageScope to take them from',
    );
  });

  it('is refused for a controller that is made anew for each request', async () => {
    @Controller({ scope: Scope.REQUEST })
    @MessageScope('fleeting')
    class Fleeting {
      @MessagePattern('run')
      run(): void {}
    }
    expect(await refusal(Fleeting)).toContain('Fleeting has handlers for messages, but is made');
  });

  it('is refused for a pattern and a route that match the same messages', async () => {
    @Controller()
    @MessageScope('clashing')
    class Clashing {
      @MessagePattern('models/:id/train')
      train(): void {}

      @OnMessage('models/:name/train')
      trainToo(): void {}
    }
    expect(await refusal(Clashing)).toContain('match the same messages');
  });
});
