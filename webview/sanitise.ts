// The second barrier after the Markdown parser: only plain text markup gets into the page, whatever the parser let by.
// The page's security policy is the third.
// Must not know: Markdown, what is shown.

import DOMPurify from 'dompurify';

const allowedClass = /^(language-[\w+#.-]{1,30}|align-(left|center|right)|image-alt|hljs(-[\w-]+)?|[\w-]+_)$/;

DOMPurify.addHook('uponSanitizeAttribute', (_node, attribute) => {
  if (attribute.attrName === 'class') {
    attribute.attrValue = attribute.attrValue.split(/\s+/).filter((name) => allowedClass.test(name)).join(' ');
  }
});

/** A fragment that holds no script, style, image, form or frame, and no link but of http and https. */
export function sanitise(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    ALLOWED_TAGS: [
      'p', 'br', 'hr', 'strong', 'em', 's', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a', 'span',
      'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td',
    ],
    ALLOWED_ATTR: ['href', 'title', 'class', 'start'],
    ALLOWED_URI_REGEXP: /^https?:\/\//i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}
