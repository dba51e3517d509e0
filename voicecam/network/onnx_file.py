"""A graph of operations -> an ONNX file, for networks that run outside of Python. Writes the format alone; knows no network.

ONNX is a protocol buffer: each field is its number and kind, then a number or a length with bytes (onnx.proto3, version 8).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

OPSET = 17  # of ONNX operations
VERSION = 8  # of the file's form
KINDS = {
    np.dtype(kind): number for kind, number in ((np.float32, 1), (np.int64, 7), (np.bool_, 9), (np.float16, 10), (np.float64, 11))
}
SMALL = 1000  # numbers; larger constants that lose nothing by it are kept in half the bytes, as the weights of shipped models


class Graph:
    """Nodes in the order of computing, and the constants that they use. Names are made here and are short."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: dict[tuple[Any, ...], str] = {}
        self._tensors: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """A float32 input; a size that is a word may be any number. Returns its name."""
        self._inputs.append(_value(name, shape))
        return name

    def output(self, value: str, name: str, shape: Sequence[int | str]) -> None:
        """Hand out a float32 value under a name of its own."""
        self._nodes.append(_node("Identity", [value], name, {}))
        self._outputs.append(_value(name, shape))

    def constant(self, array: np.ndarray | float | Sequence[int]) -> str:
        """The name of a constant; ints become int64, floats float32, arrays keep their kind. Equal ones are stored
        once."""
        value = np.asarray(array)
        if not isinstance(array, np.ndarray):
            value = value.astype(np.int64 if value.dtype.kind in "iu" else np.float32)
        key = (value.dtype, value.shape, value.tobytes())
        if key not in self._constants and value.size > SMALL and value.dtype == np.float32 and _as_half(value):
            self._constants[key] = self.node("Cast", self.constant(value.astype(np.float16)), to=KINDS[value.dtype])
        if key not in self._constants:
            self._constants[key] = f"c{len(self._constants)}"
            body = b"".join(_number(1, size) for size in value.shape) + _number(2, KINDS[value.dtype])
            self._tensors.append(body + _text(8, self._constants[key]) + _bytes(9, np.ascontiguousarray(value).tobytes()))
        return self._constants[key]

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation of one output; returns the output's name. attributes : ints, floats, words, or lists of ints"""
        name = f"n{len(self._nodes)}"
        self._nodes.append(_node(kind, inputs, name, attributes))
        return name

    def to_bytes(self, described: str) -> bytes:
        """The file. described : a line on what it is"""
        graph = b"".join(_bytes(1, node) for node in self._nodes) + _text(2, "voicecam")
        graph += b"".join(_bytes(5, tensor) for tensor in self._tensors)
        graph += b"".join(_bytes(11, one) for one in self._inputs) + b"".join(_bytes(12, one) for one in self._outputs)
        opset = _text(1, "") + _number(2, OPSET)
        return _number(1, VERSION) + _text(2, "voicecam") + _text(6, described) + _bytes(7, graph) + _bytes(8, opset)


def _as_half(value: np.ndarray) -> bool:
    """Whether float16 holds these numbers as they are."""
    with np.errstate(over="ignore"):
        return bool((value.astype(np.float16).astype(np.float32) == value).all())


def _node(kind: str, inputs: Sequence[str], output: str, attributes: dict[str, Any]) -> bytes:
    names = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind)
    return names + b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + _key(2, 5) + np.float32(value).tobytes() + _number(20, 1)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, 2)
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _number(20, 3)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, 7)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(_bytes(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, sizes)))


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _varint(value: int) -> bytes:
    value &= 2**64 - 1  # negative numbers as their two's complement
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes(found + bytes([value]))


def _number(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(int(value))


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
