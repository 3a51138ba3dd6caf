/** A build-time import of every file that matches a pattern; see `globImports` in esbuild.mjs. */
declare module 'glob:*';
