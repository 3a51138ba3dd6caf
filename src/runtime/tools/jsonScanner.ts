// Finds where a JSON object ends in a stream of text. Pure.
// Must not know: what the object is.

export class JsonScanner {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #begun = false;

  get isWhole(): boolean {
    return this.#begun && this.#depth === 0;
  }

  /** @returns how many characters belong to the object. */
  push(text: string): number {
    for (let at = 0; at < text.length; at++) {
      if (this.isWhole) {
        return at;
      }
      const character = text[at]!;
      if (this.#inString) {
        this.#inString = this.#escaped || character !== '"';
        this.#escaped = !this.#escaped && character === '\\';
      } else if (character === '"') {
        this.#inString = true;
      } else if (character === '{' || character === '[') {
        this.#begun = true;
        this.#depth++;
      } else if (character === '}' || character === ']') {
        this.#depth--;
      }
    }
    return text.length;
  }
}
