import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';
import { RIGHTS } from './domain/rights.js';

const MAX_LISTED = 50;

const email = z
  .email()
  .max(254)
  .toLowerCase()
  .meta({ examples: ['ada@example.com'] });

/** Bytes, not characters: what is hashed is bounded, and nothing of it is cut off. */
const password = z
  .string()
  .min(10)
  .refine((text) => Buffer.byteLength(text) <= 1_024, { error: 'must be at most 1024 bytes' })
  .meta({ maxLength: 1_024, examples: ['correct horse battery staple'] });

const name = z.string().trim().min(1).max(100);

export const roleName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,49}$/, 'may hold small letters, digits, _ and -')
  .meta({ examples: ['technologist'] });

const rights = z.array(z.enum(RIGHTS)).max(MAX_LISTED);

export const registerUser = z.strictObject({ email, password, name }).meta({
  id: 'RegisterUser',
  examples: [{ email: 'ada@example.com', password: 'correct horse battery staple', name: 'Ada' }],
});
export type RegisterUserRequest = z.output<typeof registerUser>;

export const logIn = z
  .strictObject({
    email: z.string().max(254).toLowerCase(),
    password: z.string().max(1_024),
    token_delivery: z.enum(['cookie', 'body']).default('cookie').meta({
      description: 'cookie: for browsers, no script sees a token. body: for bearer clients.',
    }),
  })
  .meta({
    id: 'LogIn',
    examples: [
      {
        email: 'ada@example.com',
        password: 'correct horse battery staple',
        token_delivery: 'body',
      },
    ],
  });
export type LogInRequest = z.output<typeof logIn>;

/** Without a body the refresh token is taken from the cookie, and the new ones go into cookies. */
export const refresh = z
  .strictObject({ refresh_token: z.string().min(1).max(4_096) })
  .optional()
  .meta({ id: 'Refresh' });
export type RefreshRequest = z.output<typeof refresh>;

export const loggedIn = z
  .object({
    user_id: uuidParam,
    expires_in: z.int().meta({ description: 'Seconds that the access token is good for.' }),
    token_type: z.literal('Bearer').optional(),
    access_token: z.string().optional().meta({ description: 'Only with token_delivery body.' }),
    refresh_token: z.string().optional().meta({ description: 'Only with token_delivery body.' }),
  })
  .meta({
    id: 'LoggedIn',
    examples: [{ user_id: '019aa3a4-5b6c-7d8e-9f00-112233445566', expires_in: 600 }],
  });
export type LoggedInView = z.output<typeof loggedIn>;

export const me = z
  .object({
    id: z.string(),
    email: z.string().nullable(),
    name: z.string(),
    roles: z.array(z.string()),
    rights: z.array(z.enum(RIGHTS)).meta({ description: 'Those of the roles included.' }),
    is_anonymous: z.boolean().meta({ description: 'The local developer of AUTH_MODE=open.' }),
  })
  .meta({
    id: 'Me',
    examples: [
      {
        id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        email: 'ada@example.com',
        name: 'Ada',
        roles: ['operator'],
        rights: ['task:operate'],
        is_anonymous: false,
      },
    ],
  });
export type MeView = z.output<typeof me>;

export const userView = z
  .object({
    id: uuidParam,
    email: z.string(),
    name: z.string(),
    roles: z.array(z.string()),
    rights: z.array(z.enum(RIGHTS)).meta({ description: 'Granted directly.' }),
    disabled_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({
    id: 'User',
    examples: [
      {
        id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        email: 'ada@example.com',
        name: 'Ada',
        roles: ['operator', 'technologist'],
        rights: ['provider:paid'],
        disabled_at: null,
        created_at: '2025-11-21T09:30:00.000Z',
      },
    ],
  });
export type UserView = Omit<z.output<typeof userView>, 'disabled_at' | 'created_at'> & {
  readonly disabled_at: Date | null;
  readonly created_at: Date;
};

export const userPage = pageOf(userView);

export const listUsersQuery = pageQuery.extend({ email: email.optional() });
export type ListUsersRequest = z.output<typeof listUsersQuery>;

export const changeUser = z
  .strictObject({
    name: name.optional(),
    roles: z.array(roleName).max(MAX_LISTED).optional(),
    rights: rights.optional(),
    disabled: z.boolean().optional().meta({ description: 'true ends every session of the user.' }),
    password: password.optional().meta({ description: 'A new one ends every session, too.' }),
  })
  .meta({
    id: 'ChangeUser',
    examples: [{ roles: ['operator'], rights: ['provider:paid'] }, { disabled: true }],
  });
export type ChangeUserRequest = z.output<typeof changeUser>;

export const roleView = z
  .object({ name: z.string(), rights: z.array(z.enum(RIGHTS)) })
  .meta({ id: 'Role', examples: [{ name: 'operator', rights: ['task:operate'] }] });
export type RoleView = z.output<typeof roleView>;

export const roleList = z.object({ items: z.array(roleView) });

export const putRole = z
  .strictObject({ rights })
  .meta({ id: 'PutRole', examples: [{ rights: ['task:operate', 'workflow:design'] }] });
export type PutRoleRequest = z.output<typeof putRole>;
