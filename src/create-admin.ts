import { randomBytes } from 'node:crypto';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IdentityModule, Users } from './identity/index.js';
import { InvalidEnvironmentError, loadEnv } from './kernel/env.js';
import { KernelModule } from './kernel/kernel.module.js';

const USAGE = `Usage: npm run create-admin -- <email>

Makes the user an administrator. One who is not there yet is made, with the password of IDENTITY_ADMIN_PASSWORD, or with a
new one that is printed once.`;

/** May be repeated: whoever is an administrator stays one, and keeps his password. */
async function main(email: string): Promise<void> {
  const env = loadEnv();
  const given = env.IDENTITY_ADMIN_PASSWORD;
  const password = given ?? randomBytes(18).toString('base64url');
  @Module({ imports: [KernelModule.for({ ...env, ROLES: ['api'] }), IdentityModule] })
  class CreateAdmin {}
  const app = await NestFactory.createApplicationContext(CreateAdmin, {
    logger: ['error', 'fatal'],
  });
  try {
    const isNew = await app.get(Users).ensureAdmin(email, password);
    console.log(
      isNew
        ? `${email} is an administrator.`
        : `${email} is an administrator, with his old password.`,
    );
    if (isNew && given === undefined) console.log(`Password: ${password}`);
  } finally {
    await app.close();
  }
}

const [email] = process.argv.slice(2);
if (email === undefined || !email.includes('@')) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  try {
    await main(email);
  } catch (error) {
    console.error(error instanceof InvalidEnvironmentError ? error.message : error);
    process.exitCode = 1;
  }
}
