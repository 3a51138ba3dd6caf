// Reads JSON piece by piece and hands out the entries of its outer list one by one, so that neither a huge file nor a
// hostile one holds the event loop or fills the memory. It never recurses and never throws on bad input.
// Must not know: what the entries mean, files.

import { JsonText, literalValue, printable, unescape } from './jsonText';
import type { JsonLimits, JsonObject, JsonShape, JsonSink, JsonValue } from './jsonTypes';

const enum State {
  Value,
  ValueOrEnd,
  KeyOrEnd,
  Key,
  Colon,
  After,
  Text,
  Escape,
  Unicode,
  Literal,
  /** Behind the outer value. */
  Done,
  /** Malformed line: looking for the next one. */
  SkipLine,
  Broken,
}

interface Frame {
  /** Undefined in an entry that is given up. */
  readonly list: JsonValue[] | undefined;
  readonly object: JsonObject | undefined;
  readonly isList: boolean;
  /** Elements are entries. */
  readonly isOuter: boolean;
  key: string;
}

const skippedList: Frame = { list: undefined, object: undefined, isList: true, isOuter: false, key: '' };
const skippedObject: Frame = { list: undefined, object: undefined, isList: false, isOuter: false, key: '' };
/** Brackets that are only counted, in an entry that is given up anyway. */
const hopelessDepth = 1_000_000;
const newObject = (): JsonObject => new Map<string, JsonValue>();

export class JsonReader {
  private state = State.Value;
  private readonly stack: Frame[] = [];
  private header = newObject();
  private headerSeen = false;
  private fault: string | undefined;
  private index = 0;
  private nodes = 0;
  private characters = 0;
  private cut = 0;
  private offset = 0;
  private sawValue = false;
  /** The text or literal being read. */
  private readonly text: JsonText;
  private isKey = false;

  constructor(
    private readonly sink: JsonSink,
    private readonly limits: JsonLimits,
    private readonly shape: JsonShape,
  ) {
    this.text = new JsonText(limits.textLength);
  }

  /** No more can come of this input. */
  get isBroken(): boolean {
    return this.state === State.Broken;
  }

  /** Characters read. */
  get position(): number {
    return this.offset;
  }

  /** Takes the next piece of the text; work is in proportion to its length. */
  write(text: string): void {
    let i = 0;
    while (i < text.length && this.state !== State.Broken) {
      switch (this.state) {
        case State.Text:
          i = this.readText(text, i);
          break;
        case State.Literal:
          i = this.readLiteral(text, i);
          break;
        case State.SkipLine: {
          const end = text.indexOf('\n', i);
          i = end < 0 ? text.length : end + 1;
          if (end >= 0) {
            this.state = State.Value;
          }
          break;
        }
        default:
          this.readCharacter(text, i);
          i++;
      }
    }
    this.offset += text.length;
  }

  /** The input is over. */
  end(): void {
    if (this.state === State.Literal) {
      this.finishLiteral();
    }
    if (this.state === State.Broken || this.state === State.Done || this.state === State.SkipLine) {
      return;
    }
    if (this.stack.length === 0) {
      if (!this.sawValue) {
        this.stop('the file is empty');
      }
      return;
    }
    this.stop(`the file ends in the middle (after ${this.offset} characters)`);
  }

  private readCharacter(text: string, i: number): void {
    const code = text.charCodeAt(i);
    if (this.state === State.Escape || this.state === State.Unicode) {
      this.readEscape(text[i]!);
      return;
    }
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      if (code === 0x0a && this.shape.lines && this.stack.length > 0) {
        this.badLine('it ends in the middle', true);
      }
      return;
    }
    const character = text[i]!;
    switch (this.state) {
      case State.ValueOrEnd:
        if (character === ']') {
          this.close();
          return;
        }
        this.beginValue(character, i);
        return;
      case State.Value:
        this.beginValue(character, i);
        return;
      case State.KeyOrEnd:
        if (character === '}') {
          this.close();
          return;
        }
        this.beginKey(character, i);
        return;
      case State.Key:
        this.beginKey(character, i);
        return;
      case State.Colon:
        if (character === ':') {
          this.state = State.Value;
        } else {
          this.unexpected(character, i);
        }
        return;
      case State.After: {
        const top = this.stack[this.stack.length - 1]!;
        if (character === ',') {
          this.state = top.isList ? State.Value : State.Key;
        } else if (character === (top.isList ? ']' : '}')) {
          this.close();
        } else {
          this.unexpected(character, i);
        }
        return;
      }
      default:
        this.unexpected(character, i); // Something behind the outer value.
    }
  }

  private beginKey(character: string, i: number): void {
    if (character !== '"') {
      this.unexpected(character, i);
      return;
    }
    this.beginText(true);
  }

  private beginText(isKey: boolean): void {
    this.isKey = isKey;
    this.text.begin();
    this.state = State.Text;
  }

  private beginValue(character: string, i: number): void {
    this.sawValue = true;
    this.nodes++;
    if (this.nodes > this.limits.nodesPerEntry) {
      this.giveUp('it has too many parts');
    }
    switch (character) {
      case '{':
      case '[':
        this.open(character === '[');
        return;
      case '"':
        this.beginText(false);
        return;
      default:
        if (!/[-\dtfnNI]/.test(character)) {
          this.unexpected(character, i);
          return;
        }
        this.text.begin();
        this.text.add(character);
        this.state = State.Literal;
    }
  }

  private open(isList: boolean): void {
    const parent = this.stack[this.stack.length - 1];
    const isOuter =
      isList && !this.shape.lines &&
      (parent === undefined || (this.stack.length === 1 && !parent.isList && this.shape.entriesKeys.includes(parent.key)));
    if (this.stack.length >= this.limits.depth) {
      this.giveUp('it is nested too deeply');
    }
    if (this.stack.length >= hopelessDepth) {
      this.stop('it is nested too deeply');
      return;
    }
    if (isOuter) {
      this.beginEntry();
    }
    if (this.fault !== undefined) {
      this.stack.push(isList ? skippedList : skippedObject);
    } else {
      const isHeader = !isList && parent === undefined && !this.shape.lines;
      this.headerSeen ||= isHeader;
      this.stack.push({
        list: isList ? [] : undefined,
        object: isList ? undefined : isHeader ? this.header : newObject(),
        isList,
        isOuter,
        key: '',
      });
    }
    this.state = isList ? State.ValueOrEnd : State.KeyOrEnd;
  }

  private close(): void {
    const frame = this.stack.pop()!;
    if (frame.isOuter) {
      this.beginEntry();
      this.afterValue();
      return;
    }
    this.store(frame.isList ? frame.list : frame.object);
  }

  /** A value is complete. @param value undefined in an entry that is given up */
  private store(value: JsonValue | undefined): void {
    const parent = this.stack[this.stack.length - 1];
    if (parent === undefined) {
      if (this.shape.lines) {
        this.finishEntry(value);
      } else if (this.headerSeen) {
        this.finishHeader();
      } else {
        this.stop('it is neither a list nor an object');
        return;
      }
    } else if (parent.isOuter) {
      this.finishEntry(value);
    } else if (value !== undefined && this.fault === undefined) {
      if (parent.isList) {
        parent.list!.push(value);
      } else {
        parent.object!.set(parent.key, value);
      }
    }
    this.afterValue();
  }

  private afterValue(): void {
    this.state = this.stack.length > 0 ? State.After : this.shape.lines ? State.Value : State.Done;
  }

  private beginEntry(): void {
    this.fault = undefined;
    this.nodes = 0;
    this.characters = 0;
    this.cut = 0;
  }

  private finishEntry(value: JsonValue | undefined): void {
    const index = this.index++;
    if (this.fault !== undefined || value === undefined) {
      this.sink.onBadEntry(index, this.fault ?? 'it can’t be read');
    } else {
      this.sink.onEntry(value, index, this.cut, this.shape.lines ? '' : (this.stack[0]?.key ?? ''));
    }
    this.beginEntry();
  }

  private finishHeader(): void {
    if (this.fault !== undefined) {
      this.sink.onBroken(this.fault);
      return;
    }
    this.sink.onHeader(this.header, this.cut);
    this.header = newObject();
    this.headerSeen = false;
  }

  /** The entry is beyond a limit: the rest of it is read over. */
  private giveUp(reason: string): void {
    this.fault ??= reason;
  }

  private unexpected(character: string, i: number): void {
    if (this.shape.lines) {
      this.badLine(`“${printable(character)}” is not expected there`, false);
      return;
    }
    this.stop(`“${printable(character)}” is not expected at character ${this.offset + i + 1}`);
  }

  private badLine(reason: string, lineEnded: boolean): void {
    this.stack.length = 0;
    this.sink.onBadEntry(this.index++, reason);
    this.beginEntry();
    this.state = lineEnded ? State.Value : State.SkipLine;
  }

  private stop(reason: string): void {
    this.state = State.Broken;
    const inHeader = this.headerSeen && this.fault === undefined;
    this.stack.length = 0;
    this.sink.onBroken(reason);
    if (inHeader) {
      this.sink.onHeader(this.header, this.cut);
    }
  }

  private readText(text: string, start: number): number {
    let i = start;
    while (i < text.length) {
      const code = text.charCodeAt(i);
      if (code === 0x22 || code === 0x5c || code < 0x20) {
        break;
      }
      i++;
    }
    if (i > start) {
      this.addText(start === 0 && i === text.length ? text : text.slice(start, i));
    }
    if (i === text.length) {
      return i;
    }
    const code = text.charCodeAt(i);
    if (code === 0x22) {
      this.finishText();
    } else if (code === 0x5c) {
      this.state = State.Escape;
    } else if (code === 0x0a && this.shape.lines) {
      this.badLine('it ends in the middle', true);
    } else {
      this.addText(text[i]!); // A raw control character: not JSON, harmless to take.
    }
    return i + 1;
  }

  private addText(piece: string): void {
    this.characters += piece.length;
    if (this.characters > this.limits.charactersPerEntry) {
      this.giveUp('it has too much text');
    }
    if (this.fault === undefined) {
      this.text.add(piece);
    }
  }

  private readEscape(character: string): void {
    if (this.state === State.Escape && character === 'u') {
      this.state = State.Unicode;
      return;
    }
    const unescaped = this.state === State.Unicode ? this.text.addDigit(character) : unescape(character);
    if (unescaped !== undefined) {
      this.state = State.Text;
      this.addText(unescaped);
    }
  }

  private finishText(): void {
    if (this.text.isCut) {
      this.cut++;
    }
    const text = this.text.take();
    if (this.isKey) {
      const top = this.stack[this.stack.length - 1]!;
      if (text.length > 10_000) {
        this.giveUp('a field’s name is too long');
      }
      if (this.fault === undefined) {
        top.key = text;
      }
      this.state = State.Colon;
      return;
    }
    this.store(this.fault === undefined ? text : undefined);
  }

  private readLiteral(text: string, start: number): number {
    let i = start;
    while (i < text.length) {
      const code = text.charCodeAt(i);
      // Delimiters and white space.
      if (code === 0x2c || code === 0x5d || code === 0x7d || code <= 0x20 || code === 0x3a || code === 0x22) {
        break;
      }
      i++;
    }
    this.text.add(text.slice(start, i));
    if (this.text.length > 400) {
      this.unexpected(text[start]!, start);
      return i;
    }
    if (i < text.length) {
      this.finishLiteral();
    }
    return i;
  }

  private finishLiteral(): void {
    const literal = this.text.take();
    const value = literalValue(literal);
    if (value === undefined) {
      this.unexpected(literal, 0);
    } else {
      this.store(value);
    }
  }
}
