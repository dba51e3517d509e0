"""A graph of operations -> an ONNX file, for networks that run outside of Python, by the package onnx. Keeps equal
constants once, and large ones in half the bytes where that loses nothing. Knows no network."""

from collections.abc import Sequence
from typing import Any

import numpy as np

OPSET = 17  # of ONNX operations
VERSION = 8  # of the file's form
SMALL = 1000  # numbers; larger constants that lose nothing by it are kept in half the bytes, as the weights of shipped models


class Graph:
    """Nodes in the order of computing, and the constants that they use. Names are made here and are short."""

    def __init__(self) -> None:
        import onnx

        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: dict[tuple[Any, ...], str] = {}
        self._tensors: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """A float32 input; a size that is a word may be any number. Returns its name."""
        self._inputs.append(self._value(name, shape))
        return name

    def output(self, value: str, name: str, shape: Sequence[int | str]) -> None:
        """Hand out a float32 value under a name of its own."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
        self._outputs.append(self._value(name, shape))

    def constant(self, array: np.ndarray | float | Sequence[int]) -> str:
        """The name of a constant; ints become int64, floats float32, arrays keep their kind. Equal ones are stored
        once."""
        value = np.asarray(array)
        if not isinstance(array, np.ndarray):
            value = value.astype(np.int64 if value.dtype.kind in "iu" else np.float32)
        key = (value.dtype, value.shape, value.tobytes())
        if key not in self._constants and value.size > SMALL and value.dtype == np.float32 and _as_half(value):
            halves = self.constant(value.astype(np.float16))
            self._constants[key] = self.node("Cast", halves, to=self._onnx.TensorProto.FLOAT)
        if key not in self._constants:
            self._constants[key] = f"c{len(self._constants)}"
            self._tensors.append(self._onnx.numpy_helper.from_array(value, self._constants[key]))
        return self._constants[key]

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation of one output; returns the output's name. attributes : ints, floats, words, or lists of ints"""
        name = f"n{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name

    def to_bytes(self, described: str) -> bytes:
        """The file, checked by onnx. described : a line on what it is"""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, "voicecam", self._inputs, self._outputs, self._tensors)
        facts = {"producer_name": "voicecam", "doc_string": described, "ir_version": VERSION}
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], **facts)
        self._onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)

    def _value(self, name: str, shape: Sequence[int | str]) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._onnx.TensorProto.FLOAT, shape)


def _as_half(value: np.ndarray) -> bool:
    """Whether float16 holds these numbers as they are."""
    with np.errstate(over="ignore"):
        return bool((value.astype(np.float16).astype(np.float32) == value).all())
