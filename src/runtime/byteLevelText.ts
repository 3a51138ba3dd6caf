// The text of a token of a byte-level vocabulary, where each byte is written as one printable character.
// Source: OpenAI's GPT-2, `bytes_to_unicode`. Must not know: models.

const firstStandIn = 256;

/** Undefined when a character stands for no byte, or the bytes are no whole characters. */
export function byteLevelText(written: string): string | undefined {
  const bytes = [...written].map((character) => byteOf.get(character));
  if (bytes.includes(undefined)) {
    return undefined;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes as number[]));
  } catch {
    return undefined;
  }
}

const byteOf = new Map<string, number>();
let standIns = 0;
for (let byte = 0; byte < 256; byte++) {
  const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  byteOf.set(String.fromCodePoint(isPrintable ? byte : firstStandIn + standIns++), byte);
}
