import {
  applyDecorators,
  createParamDecorator,
  type ExecutionContext,
  SetMetadata,
} from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import { type Caller, NOBODY } from './caller.js';

/** Whom a door lets in. Without a decorator: whoever is authenticated. */
export type Access = 'public' | 'system' | 'caller' | { readonly right: string };

const ACCESS = 'millrace:access';

/** Where the OpenAPI document says whom an operation lets in: `public`, `caller`, or a right. */
export const ACCESS_EXTENSION = 'x-access';

/** Lets everybody in, whoever they are. Of a method it outdoes what its controller says, as the next one does. */
export function Public(): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(ACCESS, 'public'), ApiExtension(ACCESS_EXTENSION, 'public'));
}

/** Lets in who has the right at this moment; others are answered 403, which names it. */
export function RequiresRight(right: string): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(ACCESS, { right }), ApiExtension(ACCESS_EXTENSION, right));
}

/**
 * For the message doors of a method: the program sends to itself here, and nobody is asked who it is. What keeps others
 * out are the broker's own permissions. Events need no mark: whoever may publish them has said a fact. A door for HTTP
 * on the same method still wants a caller.
 */
export function SystemDoor(): MethodDecorator {
  return SetMetadata(ACCESS, 'system');
}

/** A parameter of a controller's method: who calls, by HTTP or by message. */
export const CurrentCaller = createParamDecorator(
  (_: unknown, context: ExecutionContext): Caller => {
    return callOf(context).caller ?? NOBODY;
  },
);

/** What a request, a message and the context of a message with Nest's own patterns have in common. */
function callOf(context: ExecutionContext): { readonly caller?: Caller } {
  return context.getType() === 'rpc'
    ? context.switchToRpc().getContext<{ caller?: Caller }>()
    : context.getArgByIndex<{ caller?: Caller }>(0);
}

/** What the decorators of the method say, else those of its controller. */
export function accessOf(controller: object, method: object): Access {
  const said = [method, controller].map((target) => Reflect.getMetadata(ACCESS, target) as unknown);
  return (said.find((access) => access !== undefined) ?? 'caller') as Access;
}
