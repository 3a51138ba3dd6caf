// What jsonReader.ts reads and whom it tells.
// Must not know: what the values mean.

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
/** A map, so that `__proto__` is a key like any other, and a million keys are gone through one by one. */
export type JsonObject = Map<string, JsonValue>;

export interface JsonLimits {
  readonly depth: number;
  readonly nodesPerEntry: number;
  readonly charactersPerEntry: number;
  readonly textLength: number;
}

export interface JsonSink {
  /**
   * An element of an outer list. @param index counted from 0 over all lists @param cut texts in it that were too long
   * and lost their ends @param key of the list in the outer object; '' when the list itself is the outer value
   */
  onEntry(value: JsonValue, index: number, cut: number, key: string): void;
  /** An element that is beyond the limits, or (in lines) malformed; reading goes on behind it. */
  onBadEntry(index: number, reason: string): void;
  /** The outer object's own fields, at its end (also at a broken end, with what had come by then). */
  onHeader(header: JsonObject, cut: number): void;
  /** Nothing behind this place can be read. */
  onBroken(reason: string): void;
}

export interface JsonShape {
  /** Fields of an outer object whose lists' elements are entries; other fields make the header. */
  readonly entriesKeys: readonly string[];
  /** Every line is a value of its own and an entry (JSON Lines). */
  readonly lines: boolean;
}
