"""Writes a GGUF file, version 3 (format: ggml's docs/gguf.md), with Q8_0 or F32 tensors."""
import struct
import numpy as np

ALIGNMENT = 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32, Q8_0 = 0, 8


def string(text: str) -> bytes:
    raw = text.encode('utf-8')
    return struct.pack('<Q', len(raw)) + raw


def scalar(kind: int, value) -> bytes:
    if kind == STRING:
        return string(value)
    return struct.pack({UINT32: '<I', INT32: '<i', FLOAT32: '<f', BOOL: '<?'}[kind], value)


def entry(key: str, kind: int, value, items: int = None) -> bytes:
    head = string(key) + struct.pack('<I', kind)
    if kind != ARRAY:
        return head + scalar(kind, value)
    return head + struct.pack('<IQ', items, len(value)) + b''.join(scalar(items, v) for v in value)


def q8(matrix: np.ndarray) -> bytes:
    """Blocks of 32 weights: a half-precision scale (largest magnitude / 127), then 32 signed bytes."""
    blocks = matrix.astype(np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(1) / 127
    inverse = np.where(scale > 0, 1 / np.where(scale > 0, scale, 1), 0)
    values = np.round(blocks * inverse[:, None]).astype(np.int8)
    return np.concatenate([scale.astype('<f2').view(np.uint8).reshape(-1, 2), values.view(np.uint8)], 1).tobytes()


def write(path, metadata: list, tensors: list) -> None:
    """`metadata`: (key, kind, value[, item kind]); `tensors`: (name, array). Matrices become Q8_0, vectors F32."""
    head = [struct.pack('<4sIQQ', b'GGUF', 3, len(tensors), len(metadata))]
    head += [entry(*m) for m in metadata]
    data, offset = [], 0
    for name, array in tensors:
        kind = Q8_0 if array.ndim == 2 else F32
        assert kind == F32 or array.shape[1] % 32 == 0, name
        raw = q8(array) if kind == Q8_0 else array.astype('<f4').tobytes()
        head.append(string(name) + struct.pack('<I', array.ndim) + struct.pack(f'<{array.ndim}Q', *reversed(array.shape))
                    + struct.pack('<IQ', kind, offset))
        raw += b'\0' * (-len(raw) % ALIGNMENT)
        data.append(raw)
        offset += len(raw)
    start = b''.join(head)
    with open(path, 'wb') as file:
        file.write(start + b'\0' * (-len(start) % ALIGNMENT) + b''.join(data))
