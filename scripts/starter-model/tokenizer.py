"""A byte-level BPE tokenizer (Sennrich et al. 2016; byte alphabet of GPT-2): training, encoding, decoding.

Its pre-tokenisation is that of llama.cpp's `tokenizer.ggml.pre = gpt-2`; checkTokens.mjs proves that both agree.
"""
import re
import random
from collections import Counter, defaultdict

SPECIALS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
# GPT-2's pattern, with Python's classes for \p{L} and \p{N}.
SPLIT = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def byteAlphabet() -> dict:
    """Byte → printable character, as GPT-2 maps them (bytes without a glyph move to U+0100 and up)."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


BYTES = byteAlphabet()
UNBYTES = {v: k for k, v in BYTES.items()}


def pieces(text: str) -> list:
    return [''.join(BYTES[b] for b in part.encode('utf-8')) for part in SPLIT.findall(text)]


def trainMerges(words: Counter, count: int) -> list:
    """The `count` most useful merges over a word-frequency table. Ties are broken by the pair, so the result is fixed."""
    spelled = {w: tuple(w) for w in words}
    pairs, where = Counter(), defaultdict(set)
    for w, s in spelled.items():
        for p in zip(s, s[1:]):
            pairs[p] += words[w]
            where[p].add(w)
    merges = []
    while len(merges) < count and pairs:
        best = max(pairs.items(), key=lambda kv: (kv[1], kv[0]))[0]
        if pairs[best] < 2:
            break
        merges.append(best)
        for w in sorted(where[best]):
            old = spelled[w]
            for p in zip(old, old[1:]):
                pairs[p] -= words[w]
                where[p].discard(w)
            new, i = [], 0
            while i < len(old):
                if i + 1 < len(old) and (old[i], old[i + 1]) == best:
                    new.append(old[i] + old[i + 1])
                    i += 2
                else:
                    new.append(old[i])
                    i += 1
            spelled[w] = tuple(new)
            for p in zip(new, new[1:]):
                pairs[p] += words[w]
                where[p].add(w)
        pairs.pop(best, None)
        where.pop(best, None)
    return merges


class Tokenizer:
    def __init__(self, merges: list):
        self.merges = merges
        self.ranks = {tuple(m): i for i, m in enumerate(merges)}
        self.tokens = [BYTES[b] for b in range(256)] + [a + b for a, b in merges]
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        assert len(self.ids) == len(self.tokens)
        self.special = {s: len(self.tokens) + i for i, s in enumerate(SPECIALS)}
        self.size = len(self.tokens) + len(SPECIALS)
        self.cache = {}

    def _piece(self, piece: str, drop: float, rng) -> list:
        symbols = list(piece)
        while len(symbols) > 1:
            best, at = None, -1
            for i, p in enumerate(zip(symbols, symbols[1:])):
                r = self.ranks.get(p)
                if r is not None and (best is None or r < best) and not (drop and rng.random() < drop):
                    best, at = r, i
            if best is None:
                break
            symbols[at:at + 2] = [symbols[at] + symbols[at + 1]]
        return [self.ids[s] for s in symbols]

    def encode(self, text: str, drop: float = 0.0, rng: random.Random = None) -> list:
        """Token ids of plain text. `drop` > 0 skips merges at random (BPE dropout, Provilkov et al. 2020)."""
        out = []
        for piece in pieces(text):
            if drop:
                out += self._piece(piece, drop, rng)
                continue
            if piece not in self.cache:
                self.cache[piece] = self._piece(piece, 0.0, None)
            out += self.cache[piece]
        return out

    def decode(self, ids: list) -> str:
        raw = ''.join(self.tokens[i] for i in ids if i < len(self.tokens))
        return bytes(UNBYTES[c] for c in raw).decode('utf-8', 'replace')
