// What a download request means: which model, which file, where it goes. Everything in it is hostile until checked here.
// Must not know: the file system, the network, the store.

import { createHash } from 'node:crypto';
import type { DownloadRequest, Model } from '../../api/jan';
import { JanError } from '../../common/errors';
import { partNames } from '../../common/gguf/splitName';
import { isAllowedUrl, isSafeSegment } from '../../protocol/downloadProtocol';
import { hubModelId } from './catalogue';
import { parseHubUrl } from './hubUrl';
import { baseName, checkModelFileName, checkRepository, isModelFileName, isRepository } from './modelNames';

export interface DownloadTarget {
  /** Of the download: the same for the same file in every window. 32 hex digits. */
  readonly id: string;
  readonly modelId: string;
  readonly name: string;
  readonly source: Model['source'];
  readonly hubUrl: string;
  readonly repository?: string;
  /** The first part, of a split model. */
  readonly fileName?: string;
  readonly url?: string;
  readonly sha256?: string;
  /** Folders below the models folder, then the file's name. */
  readonly segments: readonly string[];
}

/** @throws JanError `invalid-argument` */
export function parseDownloadRequest(request: DownloadRequest, hubUrl: string): DownloadTarget {
  const { repository, fileName, url, sha256 } = (request ?? {}) as Partial<Record<keyof DownloadRequest, unknown>>;
  if (sha256 !== undefined && (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256))) {
    throw new JanError('invalid-argument', 'The checksum must be a SHA-256, 64 hexadecimal digits.');
  }
  const checksum = typeof sha256 === 'string' ? sha256.toLowerCase() : undefined;
  const hub = parseHubUrl(hubUrl);
  if (url === undefined) {
    return ofRepository(checkRepository(repository), checkModelFileName(fileName), checksum, hub);
  }
  if (repository !== undefined || fileName !== undefined) {
    throw new JanError('invalid-argument', 'Give either a repository with a file, or a URL, not both.');
  }
  return ofUrl(url, checksum, hub);
}

/** The target of a download that began earlier; undefined for a model that was not downloaded. */
export function targetOfModel(model: Model, hubUrl: string): DownloadTarget | undefined {
  try {
    const { repository, fileName, url, sha256 } = model;
    return repository !== undefined && fileName !== undefined
      ? parseDownloadRequest({ repository, fileName, sha256 }, hubUrl)
      : url !== undefined
        ? parseDownloadRequest({ url, sha256 }, hubUrl)
        : undefined;
  } catch {
    return undefined;
  }
}

function ofRepository(repository: string, chosen: string, sha256: string | undefined, hub: URL): DownloadTarget {
  const fileName = partNames(chosen)[0]!;
  return {
    id: idOf(`${repository}/${fileName}`),
    modelId: hubModelId(repository, fileName),
    name: baseName(fileName.split('/').at(-1)!),
    source: 'huggingface',
    hubUrl: hub.href,
    repository,
    fileName,
    sha256: chosen === fileName ? sha256 : undefined,
    segments: [...repository.split('/'), ...fileName.split('/')],
  };
}

function ofUrl(value: unknown, sha256: string | undefined, hub: URL): DownloadTarget {
  let url: URL;
  try {
    url = new URL(String(value));
  } catch {
    throw new JanError('invalid-argument', 'This is not a web address. Paste the full https:// address of a GGUF file.');
  }
  if (!isAllowedUrl(url, hub)) {
    throw new JanError('invalid-argument', 'Only https:// addresses without a password can be downloaded from.');
  }
  url.hash = '';
  const path = decodeSafely(url.pathname).replace(/^\/+/, '').split('/');
  const [owner, repository, kind, revision, ...file] = path;
  if (url.host === hub.host && (kind === 'resolve' || kind === 'blob') && revision === 'main') {
    const named = `${owner}/${repository}`;
    if (isRepository(named) && isModelFileName(file.join('/'))) {
      return ofRepository(named, file.join('/'), sha256, hub);
    }
  }
  const fileName = path.at(-1) ?? '';
  const host = url.host.replace(/[^A-Za-z0-9.-]/g, '_').replace(/^[^A-Za-z0-9]+/, '');
  if (!isModelFileName(fileName) || !isSafeSegment(host)) {
    throw new JanError('invalid-argument', 'The address must end in the name of a .gguf file made of letters, digits, ".", "_" and "-".');
  }
  if (partNames(fileName).length > 1) {
    throw new JanError('invalid-argument', 'This is one part of a split model. Give its repository and file instead of the address.');
  }
  const id = idOf(url.href);
  return {
    id,
    modelId: `${host}/${id.slice(0, 8)}/${baseName(fileName)}`,
    name: baseName(fileName),
    source: 'file',
    hubUrl: hub.href,
    url: url.href,
    sha256,
    segments: [host, id.slice(0, 8), fileName],
  };
}

function idOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
