"""Opens files of torch.save with weights_only: what is in them, tensors by the SHA-256 of their bytes, and the time it takes.

    python load_torch_files.py FILE ...   ->  {FILE: {"values": [[path, kind, ...], ...], "ms": median} or {"refused": why}}
"""
import hashlib
import json
import statistics
import sys
import time
import warnings

import torch

LOADS = 15


def dense_parts(tensor):
    if tensor.is_nested:
        return list(tensor.unbind())
    if tensor.is_meta:
        return []
    if tensor.is_quantized:
        return [tensor.int_repr(), tensor.dequantize()]
    if tensor.layout == torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout != torch.strided:
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return None


def walk(value, path, values):
    if isinstance(value, (torch.UntypedStorage, torch.TypedStorage)):
        dtype = torch.uint8 if isinstance(value, torch.UntypedStorage) else value.dtype
        value = torch.tensor([], dtype=dtype).set_(value)
    if isinstance(value, torch.Tensor):
        tensor = value.detach()
        parts = dense_parts(tensor)
        if parts is not None:
            values.append([path, "parts", len(parts)])
            for i, part in enumerate(parts):
                walk(part, f"{path}/{i}", values)
            return
        content = tensor.resolve_conj().resolve_neg().contiguous().reshape(-1)
        bits = content.view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        values.append([path, "tensor", str(tensor.dtype)[6:], list(tensor.shape), hashlib.sha256(bits).hexdigest()])
    elif isinstance(value, dict):
        values.append([path, "dict", len(value)])
        for i, (key, item) in enumerate(value.items()):
            walk(key, f"{path}/{i}/key", values)
            walk(item, f"{path}/{i}", values)
    elif isinstance(value, (list, tuple, set)):
        values.append([path, "list", len(value)])
        for i, item in enumerate(value):
            walk(item, f"{path}/{i}", values)
    elif isinstance(value, bool) or value is None:
        values.append([path, str(value)])
    elif isinstance(value, (int, float)):
        values.append([path, "number", repr(float(value)) if abs(value) < 2 ** 53 else "large"])
    elif isinstance(value, (bytes, bytearray)):
        values.append([path, "bytes", value.hex()])
    else:
        values.append([path, "text", str(value).removeprefix("torch.")])


def look_at(file):
    try:
        value = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # noqa: BLE001 whatever it is, the file is refused
        return {"refused": f"{type(error).__name__}: {error}"[:200]}
    values, times = [], []
    walk(value, "", values)
    for _ in range(LOADS):
        start = time.perf_counter()
        torch.load(file, weights_only=True, map_location="cpu")
        times.append((time.perf_counter() - start) * 1e3)
    return {"values": values, "ms": statistics.median(times)}


warnings.simplefilter("ignore")
print(json.dumps({file: look_at(file) for file in sys.argv[1:]}))
