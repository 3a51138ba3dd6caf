// Colours for code, in the languages that people ask models for. Never guesses a language: that costs 87 ms a block.
// Must not know: the page, Markdown.

import highlighter from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import markdown from 'highlight.js/lib/languages/markdown';
import php from 'highlight.js/lib/languages/php';
import powershell from 'highlight.js/lib/languages/powershell';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const languages = {
  bash, c, cpp, csharp, css, diff, go, ini, java, javascript, json, markdown, php, powershell, python, ruby, rust, sql,
  typescript, xml, yaml,
};

/** More than this stays plain: about 8 ms of work. */
const longestHighlighted = 8_000;
let isReady = false;

/** HTML with `hljs-…` classes; `undefined` when the language is unknown or the text too long. */
export function highlight(code: string, language: string): string | undefined {
  if (!isReady) {
    isReady = true;
    for (const [name, definition] of Object.entries(languages)) {
      highlighter.registerLanguage(name, definition);
    }
  }
  if (code.length > longestHighlighted || highlighter.getLanguage(language) === undefined) {
    return undefined;
  }
  return highlighter.highlight(code, { language, ignoreIllegals: true }).value;
}
