import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../scripts/services/folders.ts';

/** A fenced block of a page: what it is in, the file that it belongs to, and its text. */
export interface Block {
  readonly language: string;
  readonly file: string | undefined;
  readonly text: string;
}

/** A command that a page shows, with the output that the page tells of it. */
export interface Step {
  readonly command: string;
  readonly output: string;
}

export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(projectFolder, page), 'utf8');
  const fenced = text.matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms);
  return [...fenced].map(([, language = '', file, inside = '']) => {
    return { language, file, text: inside };
  });
}

/** Commands whose output the page tells. */
export function stepsOf(blocks: readonly Block[]): Step[] {
  return blocks.flatMap(({ language, text }, index) => {
    const next = blocks[index + 1];
    return language === 'sh' && next?.language === 'text'
      ? [{ command: text, output: next.text }]
      : [];
  });
}

/** `…` stands for what is different every time. */
export function pattern(text: string): RegExp {
  const parts = text
    .split('…')
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.+')}$`);
}
