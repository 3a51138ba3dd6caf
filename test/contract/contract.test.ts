import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { JanErrorCode } from '../../src/api/jan';
import type { janErrorCodes } from '../../src/common/errors';
import { serviceConstants, serviceNamesOf } from '../../src/core/serviceNames';

/** The names of ADR 003, written out here a second time: nobody may rename or drop one. */
const adr = {
  DataService: {
    GET_CONVERSATIONS: 'getConversations', CREATE_CONVERSATION: 'createConversation', DELETE_CONVERSATION: 'deleteConversation',
    GET_CONVERSATION_MESSAGES: 'getConversationMessages', CREATE_MESSAGE: 'createMessage', UPDATE_MESSAGE: 'updateMessage',
    STORE_MODEL: 'storeModel', UPDATE_FINISHED_DOWNLOAD: 'updateFinishedDownloadAt',
    GET_UNFINISHED_DOWNLOAD_MODELS: 'getUnfinishedDownloadModels', GET_FINISHED_DOWNLOAD_MODELS: 'getFinishedDownloadModels',
    DELETE_DOWNLOAD_MODEL: 'deleteDownloadModel', GET_MODEL_BY_ID: 'getModelById',
  },
  InferenceService: { INFERENCE_URL: 'inferenceUrl', INIT_MODEL: 'initModel', STOP_MODEL: 'stopModel' },
  ModelManagementService: {
    GET_AVAILABLE_MODELS: 'getAvailableModels', GET_DOWNLOADED_MODELS: 'getDownloadedModels', DELETE_MODEL: 'deleteModel',
    DOWNLOAD_MODEL: 'downloadModel', SEARCH_MODELS: 'searchModels',
  },
  MonitoringService: { GET_RESOURCES_INFORMATION: 'getResourcesInfo', GET_CURRENT_LOAD_INFORMATION: 'getCurrentLoad' },
} as const;

/** Added since, and as fixed. */
const added = {
  DataService: {
    GET_CONVERSATION: 'getConversation', UPDATE_CONVERSATION: 'updateConversation', DELETE_CONVERSATIONS: 'deleteConversations',
    RESTORE_CONVERSATION: 'restoreConversation', FORK_CONVERSATION: 'forkConversation', IMPORT_CONVERSATION: 'importConversation',
    PURGE_CONVERSATIONS: 'purgeConversations', SEARCH_MESSAGES: 'searchMessages', STORE_ATTACHMENT: 'storeAttachment',
    GET_ATTACHMENT: 'getAttachment', CHECK_STORE: 'checkStore', BACKUP_STORE: 'backupStore', RESTORE_STORE: 'restoreStore',
    EXPORT_CONVERSATIONS: 'exportConversations', PREVIEW_IMPORT: 'previewImport', IMPORT_CONVERSATIONS: 'importConversations',
    UNDO_IMPORT: 'undoImport', GET_CONVERSATION_TAGS: 'getConversationTags',
  },
} as const;

// Both directions, checked by the compiler: the contract's codes are the product's codes.
const everyCodeIsPublic: (typeof janErrorCodes)[number] extends JanErrorCode ? true : false = true;
const everyPublicCodeExists: JanErrorCode extends (typeof janErrorCodes)[number] ? true : false = true;

describe('public contract', () => {
  it('keeps every constant of ADR 003', () => {
    for (const [group, constants] of Object.entries(adr)) {
      const ours = serviceConstants[group as keyof typeof adr] as Readonly<Record<string, string>>;
      for (const [constant, name] of Object.entries(constants)) {
        assert.equal(ours[constant], name, `${group}.${constant}`);
      }
    }
  });

  it('keeps what was added since', () => {
    for (const [constant, name] of Object.entries(added.DataService)) {
      assert.equal((serviceConstants.DataService as Readonly<Record<string, string>>)[constant], name, constant);
    }
  });

  it('names each service once', () => {
    const names = (['data', 'inference', 'models', 'monitoring'] as const).flatMap((group) => serviceNamesOf(group));
    assert.equal(new Set(names).size, names.length);
  });

  it('lists the error codes of the product', () => {
    assert.ok(everyCodeIsPublic && everyPublicCodeExists);
  });

  it('stands alone: jan.d.ts imports only vscode types', async () => {
    const text = await readFile(path.join(process.cwd(), 'src/api/jan.d.ts'), 'utf8');
    const imported = [...text.matchAll(/^import .*from '(.+)';$/gm)].map((match) => match[1]);
    assert.deepEqual(imported, ['vscode']);
    assert.ok(!/const enum/.test(text));
  });

  it('documents every service with its errors or says it has none', async () => {
    const text = await readFile(path.join(process.cwd(), 'src/api/jan.d.ts'), 'utf8');
    for (const name of (['data', 'inference', 'models', 'monitoring'] as const).flatMap((group) => serviceNamesOf(group))) {
      assert.match(text, new RegExp(`\\*/\\s+${name}\\(`), `${name} has no docstring`);
    }
  });
});
