#!/usr/bin/env python3
"""examples/read_checkpoint reads what is in a file: read_checkpoint.py SOURCE. Decodes the same bytes one by one."""
import importlib.util
import json
import pathlib
import struct
import sys
import tempfile

source = pathlib.Path(sys.argv[1])
spec = importlib.util.spec_from_file_location("read_checkpoint", source / "examples/read_checkpoint/read_checkpoint.py")
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)

WAYS = {"BF16": (2, lambda b: struct.unpack("<f", b"\0\0" + b)[0]), "F32": (4, lambda b: struct.unpack("<f", b)[0]),
        "F64": (8, lambda b: struct.unpack("<d", b)[0])}


def check(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    metadata, tensors = example.read(path)
    assert metadata == header.pop("__metadata__", {}), metadata
    assert set(tensors) == set(header), set(tensors) ^ set(header)
    for name, part in header.items():
        width, decode = WAYS[part["dtype"]]
        begin, end = part["data_offsets"]
        expected = [decode(data[i:i + width]) for i in range(begin, end, width)]
        assert list(tensors[name].shape) == part["shape"], name
        assert tensors[name].flatten().tolist() == expected, name
    return len(tensors)


count = check(source / "examples/super_resolution/small.safetensors")
assert count > 100, count
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "small.safetensors"
    header = json.dumps({"a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
                         "b": {"dtype": "F64", "shape": [], "data_offsets": [8, 16]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<ffd", 0.1, -3, 1e-300))
    assert check(path) == 2
print(count, "tensors")
