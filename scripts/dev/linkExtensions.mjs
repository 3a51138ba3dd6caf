// Makes VS Code's server see extension folders as installed extensions, without packing or copying them.
// It must not know what they contribute.
//
// Why not as development extensions: the server takes those only together with its smoke-test driver, and that mode
// shows no notifications. People and end-to-end tests want to see what a user sees.

import fs from 'node:fs';
import path from 'node:path';

/**
 * Replaces what was linked into `extensionsDir` before; extensions that somebody installed there stay.
 *
 * @param {string} extensionsDir
 * @param {string[]} folders absolute, each with a package.json
 */
export function linkExtensions(extensionsDir, folders) {
  fs.mkdirSync(extensionsDir, { recursive: true });
  for (const entry of fs.readdirSync(extensionsDir, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) {
      fs.unlinkSync(path.join(extensionsDir, entry.name));
    }
  }
  const listFile = path.join(extensionsDir, 'extensions.json');
  const installed = readList(listFile).filter(
    (entry) => entry?.relativeLocation && fs.existsSync(path.join(extensionsDir, entry.relativeLocation)),
  );
  const linked = folders.map((folder) => linkOne(extensionsDir, folder));
  fs.writeFileSync(listFile, JSON.stringify([...installed, ...linked]));
}

function linkOne(extensionsDir, folder) {
  const { publisher, name, version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const relativeLocation = `${publisher}.${name}-${version}`;
  const link = path.join(extensionsDir, relativeLocation);
  // VS Code's "Uninstall" deletes the link, never the folder behind it.
  fs.symlinkSync(folder, link, process.platform === 'win32' ? 'junction' : 'dir');
  return {
    identifier: { id: `${publisher}.${name}` },
    version,
    location: { $mid: 1, path: link.split(path.sep).join('/'), scheme: 'file' },
    relativeLocation,
  };
}

function readList(file) {
  try {
    const list = JSON.parse(fs.readFileSync(file, 'utf8'));
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
