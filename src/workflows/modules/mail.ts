import addressparser from 'nodemailer/lib/addressparser';
import { z } from 'zod';
import { Mailer } from './mailer.js';
import {
  type ModuleContext,
  type ModuleResult,
  WorkflowModule,
  type WorkflowModuleRunner,
} from './workflow-module.js';

const MAX_RECIPIENTS = 100;

const TOO_MANY = `names more than ${String(MAX_RECIPIENTS)}`;

const mailbox = z.email({ pattern: z.regexes.html5Email });

/** One line of a header: one address or more, each with a name or without. */
const addressLine = z
  .string()
  .max(10_000)
  .superRefine((line, context) => {
    const all = addressparser(line, { flatten: true });
    const wrong = all.find(({ address }) => !mailbox.safeParse(address).success);
    if (all.length === 0) context.addIssue('names nobody');
    else if (all.length > MAX_RECIPIENTS) context.addIssue(TOO_MANY);
    else if (wrong) context.addIssue(`"${wrong.address || wrong.name}" is no mail address`);
  })
  .meta({ examples: ['Ann <ann@example.com>'] });

const addresses = z.union([addressLine, z.array(addressLine).min(1).max(MAX_RECIPIENTS)]);

/** A line may hold many, so the lines are not what counts. */
const recipientsIn = (lines: string | string[]): number =>
  [lines].flat().flatMap((line) => addressparser(line, { flatten: true })).length;

const body = z.string().max(1_000_000);

const mail = z
  .strictObject({
    to: addresses,
    cc: addresses.nullish(),
    subject: z
      .string()
      .min(1)
      .max(900)
      .regex(/^[^\r\n]*$/, 'must be one line'),
    text: body.nullish(),
    html: body.nullish().meta({ description: 'Shown instead of the text where HTML can be.' }),
  })
  .refine(({ text, html }) => text != null || html != null, {
    error: 'is required, unless there is html',
    path: ['text'],
  })
  .refine(({ to, cc }) => recipientsIn(to) + recipientsIn(cc ?? []) <= MAX_RECIPIENTS, {
    error: `${TOO_MANY}, those of cc included`,
    path: ['to'],
  });
type Mail = z.output<typeof mail>;

/** Sends a mail. Its result is the Message-ID, and who was taken as a recipient. */
@WorkflowModule({ name: 'mail', description: 'Sends a mail.', config: mail })
export class SendMail implements WorkflowModuleRunner<Mail> {
  constructor(private readonly mailer: Mailer) {}

  async execute(
    { to, cc, subject, text, html }: Mail,
    { idempotencyKey, signal }: ModuleContext,
  ): Promise<ModuleResult> {
    const letter = {
      to,
      cc: cc ?? undefined,
      subject,
      text: text ?? undefined,
      html: html ?? undefined,
    };
    return { result: await this.mailer.post(letter, idempotencyKey, signal) };
  }
}
