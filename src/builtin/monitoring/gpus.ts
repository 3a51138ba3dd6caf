// The graphics processors, looked for once in a session and only when asked: looking is expensive, and they don't change.
// Must not know: services, how the system is asked.

import type { GpuInfo } from '../../api/jan';
import type { Logger } from '../../common/log';
import type { SystemInformation } from './systemInformation';

export class GpuList {
  #found: Promise<readonly GpuInfo[]> | undefined;

  constructor(
    private readonly system: SystemInformation,
    private readonly log: Logger,
  ) {}

  /** Empty when there is none, or when the system does not say. */
  get(): Promise<readonly GpuInfo[]> {
    this.#found ??= this.system.graphics().then(
      (controllers) => controllers.flatMap(toGpuInfo),
      (error: unknown) => {
        this.log.warn('Monitoring: the graphics processors are not known', error);
        return [];
      },
    );
    return this.#found;
  }
}

/** What `systeminformation` says of one; sizes in MiB. From outside: nothing about it is sure. */
export interface GraphicsController {
  readonly model?: unknown;
  readonly name?: unknown;
  readonly vram?: unknown;
  readonly vramDynamic?: unknown;
  readonly memoryTotal?: unknown;
}

/** `memoryUsed` is left out: what was used when it was asked, once, would be wrong ever after. */
function toGpuInfo({ model, name, vram, vramDynamic, memoryTotal }: GraphicsController): GpuInfo[] {
  const title = [name, model].find((text) => typeof text === 'string' && text.trim() !== '') as string | undefined;
  if (title === undefined) {
    return [];
  }
  const sizes = [memoryTotal, vramDynamic === true ? undefined : vram];
  const mebibytes = sizes.find((size) => typeof size === 'number' && size > 0) as number | undefined;
  return [{ name: title.trim(), ...(mebibytes !== undefined && { memoryTotal: mebibytes * 1024 * 1024 }) }];
}
