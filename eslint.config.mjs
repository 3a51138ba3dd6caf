// Style, and the layer table of ARCHITECTURE.md as lint: what each folder may import, with a sentence for each ban.

import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Folders of src/ (and webview/) by name; each entry: may import these folders, these packages, node?, vscode? */
const layers = {
  'src/common': { folders: [], node: false, vscode: false },
  'src/protocol': { folders: ['common', 'api'], node: false, vscode: false },
  'src/core': { folders: ['common', 'api'], node: false, vscode: false },
  'src/builtin': { folders: ['common', 'api', 'protocol'], node: true, vscode: false },
  'src/runtime': { folders: ['common', 'protocol'], node: true, vscode: false },
  'src/gateway': { folders: ['common', 'api', 'core'], node: true, vscode: false },
  'src/plugins': { folders: ['common', 'api', 'core'], node: true, vscode: true },
  'src/ui': { folders: ['common', 'api', 'protocol', 'core'], node: true, vscode: true },
  webview: { folders: ['common', 'protocol'], node: false, vscode: false },
};

const reasons = {
  common: 'common imports nothing, so everything may import it.',
  api: 'Only the contract types in src/api/jan.d.ts may be imported, and not from here.',
  protocol: 'Only the two sides of a process boundary may import its protocol.',
  core: 'The core is reached through the API that composition hands in.',
  builtin: 'Nothing imports an implementation: call the service by its name.',
  runtime: 'The runtime is another process: talk to it through src/protocol.',
  gateway: 'The gateway is a client of the core, nobody\'s library.',
  plugins: 'Finding companions is the plugin host\'s business alone.',
  ui: 'The user interface is a client of the core, nobody\'s library.',
  webview: 'Browser code is reached by messages of src/protocol/chatProtocol.ts only.',
};

/** A relative import that climbs out of the folder and into `target`. */
const into = (target) => `^(\\.\\./)+(src/)?${target}(/|$)`;

function layerRule(folder) {
  const { folders, node, vscode } = layers[folder];
  const own = folder.replace('src/', '');
  const patterns = Object.keys(reasons)
    .filter((target) => target !== own && !folders.includes(target))
    .map((target) => ({ regex: into(target), message: reasons[target] }));
  patterns.push({ regex: '^(\\.\\./)+(src/)?(extension|composition)$', message: 'Only VS Code starts the extension, and only it composes.' });
  if (!node) {
    patterns.push({ regex: '^node:', message: `${folder} runs outside Node as well: hand in what it needs.` });
  }
  if (!vscode) {
    patterns.push({ regex: '^vscode$', message: `${folder} must work without VS Code: hand in what it needs.` });
  }
  if (folder !== 'src/runtime') {
    patterns.push({ regex: '^node-llama-cpp', message: 'Native code is loaded in the runtime process only.' });
  }
  return {
    files: [`${folder}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  };
}

export default tseslint.config(
  { ignores: ['dist/', '**/dist/', 'node_modules/', '**/node_modules/', '.vscode-test/', 'test-results/', 'media/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      curly: 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Name what you export: no default exports.' },
        { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that defines it.' },
      ],
    },
  },
  ...Object.keys(layers).map(layerRule),
  {
    // The contract is one file on purpose: companions copy it.
    files: ['src/api/jan.d.ts'],
    rules: { 'max-lines': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [{ from: 'package', name: ['describe', 'it'], package: 'mocha' }] }],
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: {
        console: 'readonly', process: 'readonly', URL: 'readonly', performance: 'readonly', Buffer: 'readonly',
        setTimeout: 'readonly', clearTimeout: 'readonly', setInterval: 'readonly', clearInterval: 'readonly',
        setImmediate: 'readonly', fetch: 'readonly', AbortController: 'readonly', AbortSignal: 'readonly',
        URLSearchParams: 'readonly', module: 'writable', require: 'readonly', __dirname: 'readonly',
        exports: 'writable', document: 'readonly', window: 'readonly', structuredClone: 'readonly', TextDecoder: 'readonly', TextEncoder: 'readonly',
      },
    },
    rules: { 'no-unused-vars': ['error', { argsIgnorePattern: '^_' }], eqeqeq: 'error', curly: 'error' },
  },
);
