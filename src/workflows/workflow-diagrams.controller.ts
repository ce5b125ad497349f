import { applyDecorators, Controller, Get, Header, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { diagramOf, DIAGRAM_MAY_LOAD } from './diagram/drawing.js';
import { mermaidOf } from './diagram/mermaid.js';
import { diagramPage } from './diagram/page.js';
import { GetPicture, type PictureOf } from './queries/diagrams.js';
import { diagramQuery, type DiagramQuery, versionParam, workflowKey } from './workflows.dto.js';

const answers = (type: string, description: string, example: string): MethodDecorator =>
  applyDecorators(
    Header('content-type', `${type}; charset=utf-8`),
    Header('content-security-policy', DIAGRAM_MAY_LOAD),
    ApiResponse({
      status: 200,
      description,
      content: { [type]: { schema: { type: 'string' }, example } },
    }),
  );
const Svg = () => answers('image/svg+xml', 'An SVG that stands alone', '<svg …>');
const Mermaid = () => answers('text/plain', 'Mermaid text', 'flowchart LR');

@ApiTags('workflow pictures')
@Controller('workflows/:key')
export class WorkflowDiagramsController {
  constructor(private readonly mediator: Mediator) {}

  @Get('page')
  @answers('text/html', 'The latest version with what is going on in it', '<!doctype html>…')
  @ApiOperation({ summary: 'Look at a workflow: its picture, and how many are where' })
  async page(@Param('key', { schema: workflowKey }) key: string): Promise<string> {
    const { version, ...picture } = await this.mediator.ask(new GetPicture(key, 'latest', true));
    return diagramPage({ ...picture, version: version ?? 0 });
  }

  @Get('versions/:version/diagram.svg')
  @Svg()
  @ApiOperation({ summary: 'The picture of a version' })
  picture(
    @Param('key', { schema: workflowKey }) key: string,
    @Param('version', { schema: versionParam }) version: number,
    @Query({ schema: diagramQuery }) { heat }: DiagramQuery,
  ): Promise<string> {
    return this.#drawn(key, version, heat);
  }

  @Get('versions/:version/diagram.mmd')
  @Mermaid()
  @ApiOperation({ summary: 'A version as Mermaid text' })
  text(
    @Param('key', { schema: workflowKey }) key: string,
    @Param('version', { schema: versionParam }) version: number,
  ): Promise<string> {
    return this.#written(key, version);
  }

  @Get('draft/diagram.svg')
  @Svg()
  @ApiOperation({ summary: 'The picture of a draft' })
  draftPicture(@Param('key', { schema: workflowKey }) key: string): Promise<string> {
    return this.#drawn(key, 'draft', false);
  }

  @Get('draft/diagram.mmd')
  @Mermaid()
  @ApiOperation({ summary: 'A draft as Mermaid text' })
  draftText(@Param('key', { schema: workflowKey }) key: string): Promise<string> {
    return this.#written(key, 'draft');
  }

  async #drawn(key: string, of: PictureOf, withCounts: boolean): Promise<string> {
    const { plan, name, counts } = await this.mediator.ask(new GetPicture(key, of, withCounts));
    return diagramOf(plan, name, counts);
  }

  async #written(key: string, of: PictureOf): Promise<string> {
    return mermaidOf((await this.mediator.ask(new GetPicture(key, of, false))).draft);
  }
}
