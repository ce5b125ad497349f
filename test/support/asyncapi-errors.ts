import { DiagnosticSeverity, Parser } from '@asyncapi/parser';

const ERROR: number = DiagnosticSeverity.Error;

/** What the official parser finds wrong with a document, one line each; empty when it is valid. */
export async function asyncApiErrors(document: object): Promise<string[]> {
  const diagnostics = await new Parser().validate(JSON.stringify(document));
  return diagnostics
    .filter(({ severity }) => (severity as number) === ERROR)
    .map(({ path, message }) => `${path.join('.')}: ${message}`);
}
