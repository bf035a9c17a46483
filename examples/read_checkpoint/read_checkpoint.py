#!/usr/bin/env python3
"""Prints what is in a checkpoint: read_checkpoint.py model.safetensors"""
import json
import sys

import numpy as np


def read(path):
    """The texts of a safetensors file, and its tensors by name, in float where NumPy has no such type."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    types = {"F64": "<f8", "F32": "<f4", "BF16": "<u2"}  # cnf writes no others
    tensors = {}
    for name, part in header.items():
        if name != "__metadata__":
            begin, end = part["data_offsets"]
            numbers = np.frombuffer(data[begin:end], types[part["dtype"]])
            if part["dtype"] == "BF16":  # the upper half of a float
                numbers = (numbers.astype("<u4") << 16).view("<f4")
            tensors[name] = numbers.reshape(part["shape"])
    return header.get("__metadata__", {}), tensors


if __name__ == "__main__":
    metadata, tensors = read(sys.argv[1])
    for name, text in sorted(metadata.items()):
        print(f"{name}: {text[:100]}")
    for name, tensor in sorted(tensors.items()):
        print(f"{name:40} {str(tensor.shape):20} mean {tensor.mean():9.4f}, deviation {tensor.std():.4f}")
