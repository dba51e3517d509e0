"""A function on tensors -> an ONNX graph: torch traces it to its basic operations, gradients inside it included, and each becomes
one or two of ONNX. Knows the operations that our picture networks and their maps need, and no others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from voicecam.errors import ModelError
from voicecam.network.onnx_file import Graph

TRACED = 13  # clips in the traced pass; a first size that it divides stands for any number of clips
Op = Callable[["_Writer", Any], str]


def to_graph(
    function: Callable[..., Sequence[torch.Tensor]],
    inputs: Mapping[str, tuple[int, ...]],
    outputs: Sequence[str],
    made: Sequence[tuple[torch.Tensor, Callable[[Graph], str]]] = (),
) -> Graph:
    """The graph of a function.

    function : float32 tensors (clip, ...), one for each input, then those of `made` -> one (clip, ...) for each output; it may
        ask for gradients
    inputs : name -> shape of a clip; outputs : names
    made : large constants that the graph makes itself from small ones: each as a tensor, and as a function that adds it
    Raises ModelError for an operation that is not known here.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    given = [torch.rand(TRACED, *shape) - 0.5 for shape in inputs.values()]
    traced = make_fx(function)(*given, *(tensor for tensor, _ in made))
    traced.graph.eliminate_dead_code()
    writer = _Writer(traced)
    names, makers = iter(inputs.items()), iter(made)
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            named = next(names, None)
            writer.names[node] = writer.graph.input(named[0], ("clips", *named[1])) if named else next(makers)[1](writer.graph)
        elif node.op == "get_attr":
            writer.names[node] = writer.graph.constant(getattr(traced, node.target).detach().numpy())
        elif node.op == "call_function":
            writer.call(node)
        else:
            for value, name in zip(node.args[0], outputs, strict=True):
                writer.graph.output(writer.names[value], name, ("clips", *writer.shape(value)[1:]))
    return writer.graph


class _Writer:
    """names : traced value -> its name in the graph"""

    def __init__(self, traced: torch.fx.GraphModule):
        self.graph = Graph()
        self.names: dict[Any, str] = {}

    def call(self, node: Any) -> None:
        """Write one traced operation."""
        name = str(node.target).removeprefix("aten.").split(".")[0]
        if name not in OPS:
            raise ModelError(
                f"operation {name}: has no place in onnx_graph.OPS, so this network cannot be exported; add it there"
            )
        self.names[node] = OPS[name](self, node)

    def shape(self, node: Any) -> tuple[int, ...]:
        """Of a traced value."""
        return tuple(node.meta["tensor_meta"].shape if "tensor_meta" in node.meta else node.meta["val"].shape)

    def name(self, value: Any, kind: type = np.float32) -> str:
        """Of a traced value or a number, which becomes a constant of this kind; a name is its own."""
        if isinstance(value, torch.fx.Node):
            return self.names[value]
        return value if isinstance(value, str) else self.graph.constant(np.array(value, kind))

    def node(self, operation: str, *values: Any, **attributes: Any) -> str:
        """An ONNX operation on traced values, numbers and names."""
        double = any(isinstance(value, torch.fx.Node) and self.kind(value) == torch.float64 for value in values)
        named = [self.name(value, np.float64 if double else np.float32) for value in values]
        return self.graph.node(operation, *named, **attributes)

    def kind(self, node: Any) -> Any:
        """Of a traced value's numbers: float32, float64."""
        return node.meta["tensor_meta"].dtype if "tensor_meta" in node.meta else getattr(node.meta.get("val"), "dtype", None)

    def axes(self, value: Any) -> str:
        """Axes as a constant."""
        return self.graph.constant([value] if isinstance(value, int) else list(value))


def _plain(kind: str) -> Op:
    return lambda w, node: w.node(kind, *node.args[: 1 if len(node.args) == 1 else 2])


def _same(w: _Writer, node: Any) -> str:
    return w.name(node.args[0])


def _sizes(shape: Sequence[int], first: int) -> list[int]:
    return [first if i == 0 and size % TRACED == 0 else size for i, size in enumerate(shape)]


def _reshape(w: _Writer, node: Any) -> str:
    return w.node("Reshape", node.args[0], w.graph.constant(_sizes(w.shape(node), -1)))


def _expand(w: _Writer, node: Any) -> str:
    return w.node("Expand", node.args[0], w.graph.constant(_sizes(w.shape(node), 1)))


def _reduce(kind: str) -> Op:
    def write(w: _Writer, node: Any) -> str:
        keep = int(bool(node.args[2])) if len(node.args) > 2 else 0
        axes = node.args[1] if len(node.args) > 1 else list(range(len(w.shape(node.args[0]))))
        if kind == "ReduceSum":
            return w.node(kind, node.args[0], w.axes(axes), keepdims=keep)
        return w.node(kind, node.args[0], axes=[axes] if isinstance(axes, int) else list(axes), keepdims=keep)

    return write


def _slice(w: _Writer, node: Any) -> str:
    value, axis, start, end, step = (list(node.args) + [0, None, None, 1][len(node.args) - 1 :])[:5]
    last = 2**62 if end is None else min(int(end), 2**62)
    return w.node("Slice", value, w.axes(start or 0), w.axes(last), w.axes(axis), w.axes(step))


def _select(w: _Writer, node: Any) -> str:
    return w.node("Gather", node.args[0], w.graph.constant(np.array(node.args[2], np.int64)), axis=node.args[1])


def _permute(w: _Writer, node: Any) -> str:
    n = len(w.shape(node))
    order = list(range(n))
    if len(node.args) == 3:  # transpose of two axes
        a, b = node.args[1] % n, node.args[2] % n
        order[a], order[b] = b, a
    else:
        order = list(node.args[1]) if len(node.args) > 1 else order[::-1]
    return w.node("Transpose", node.args[0], perm=order)


def _two(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def _convolution(w: _Writer, node: Any) -> str:
    x, weight, bias, stride, padding, dilation, _, _, groups = node.args
    given = [x, weight] + ([] if bias is None else [bias])
    return w.node("Conv", *given, strides=list(stride), pads=[*padding, *padding], dilations=list(dilation), group=groups)


def _convolution_backward(w: _Writer, node: Any) -> str:
    """The gradient by the input alone: the transposed convolution."""
    slope, x, weight, _, stride, padding, dilation, _, _, groups, _ = node.args
    sizes = zip(w.shape(x)[2:], w.shape(slope)[2:], w.shape(weight)[2:], stride, padding, dilation)
    more = [size - ((out - 1) * s - 2 * p + d * (kernel - 1) + 1) for size, out, kernel, s, p, d in sizes]
    how = {"strides": list(stride), "pads": [*padding, *padding], "dilations": list(dilation), "group": groups}
    return w.node("ConvTranspose", slope, weight, **how, output_padding=more)


def _pool(w: _Writer, node: Any) -> str:
    x, kernel, stride, padding = [*node.args, 0][:4]
    pads = _two(padding)
    return w.node("MaxPool", x, kernel_shape=_two(kernel), strides=_two(stride), pads=[*pads, *pads])


def _unfold(w: _Writer, node: Any) -> str:
    """Frames of the last axis, (clip, sample) -> (clip, frame, sample of the frame)."""
    value, _, size, step = node.args
    starts, inside = np.arange(w.shape(node)[1])[:, None] * step, np.arange(size)
    return w.node("Gather", value, w.node("Add", w.graph.constant(starts), w.graph.constant(inside)), axis=1)


def _item(w: _Writer, node: Any) -> str:
    """The one output of several that is written."""
    if node.args[1] != 0:
        raise ModelError(f"output {node.args[1]} of {node.args[0]}: only the first has a place in an exported network")
    return w.names[node.args[0]]


def _linear(w: _Writer, node: Any) -> str:
    bias, x, weight = node.args
    return w.node("Add", w.node("MatMul", x, weight), bias)


def _threshold_backward(w: _Writer, node: Any) -> str:
    slope, x, level = node.args
    return w.node("Mul", slope, w.node("Cast", w.node("Greater", x, level), to=1))


def _hardtanh_backward(w: _Writer, node: Any) -> str:
    slope, x, low, high = node.args
    inside = w.node("And", w.node("Greater", x, low), w.node("Less", x, high))
    return w.node("Mul", slope, w.node("Cast", inside, to=1))


def _clamp(w: _Writer, node: Any) -> str:
    value, low, high = [*node.args, None][:3]
    kind = np.float64 if w.kind(value) == torch.float64 else np.float32
    found = w.name(value) if low is None else w.node("Max", value, low)
    return found if high is None else w.node("Min", found, w.name(high, kind))


def _cast(w: _Writer, node: Any) -> str:
    kinds = {torch.float32: 1, torch.float64: 11, torch.bool: 9, torch.int64: 7}
    kind = node.kwargs.get("dtype", node.args[1] if len(node.args) > 1 else torch.float32)
    return w.node("Cast", node.args[0], to=kinds[kind])


def _filled(number: float | int) -> Op:
    """A constant everywhere: a number, or where it is an int the argument at that place; a size for the clips is left to
    broadcasting."""

    def write(w: _Writer, node: Any) -> str:
        value = number if isinstance(number, float) else node.args[number]
        return w.graph.constant(np.full(_sizes(w.shape(node), 1), float(value), np.float32))

    return write


def _cat(w: _Writer, node: Any) -> str:
    return w.node("Concat", *node.args[0], axis=node.args[1] if len(node.args) > 1 else 0)


OPS: dict[str, Op] = {
    **dict.fromkeys(("detach", "clone", "alias", "lift_fresh_copy", "contiguous"), _same),
    **dict.fromkeys(("view", "_unsafe_view", "unsqueeze", "squeeze", "reshape"), _reshape),
    **dict.fromkeys(("ones", "ones_like"), _filled(1.0)),
    **dict.fromkeys(("zeros", "zeros_like"), _filled(0.0)),
    **dict.fromkeys(("full", "full_like"), _filled(1)),
    **dict.fromkeys(("permute", "t", "transpose"), _permute),
    **dict.fromkeys(("mm", "bmm", "matmul"), _plain("MatMul")),
    "mean": _reduce("ReduceMean"),
    "sum": _reduce("ReduceSum"),
    "amax": _reduce("ReduceMax"),
    **dict.fromkeys(("add", "add_"), _plain("Add")),  # what was added to is not used again in our networks
    "sub": _plain("Sub"),
    "mul": _plain("Mul"),
    "div": _plain("Div"),
    "maximum": _plain("Max"),
    "minimum": _plain("Min"),
    "eq": lambda w, node: w.node("Cast", w.node("Equal", *node.args), to=1),  # 0 and 1 as numbers, which sums take
    "neg": _plain("Neg"),
    "sqrt": _plain("Sqrt"),
    "log": _plain("Log"),
    "pow": _plain("Pow"),
    "round": _plain("Round"),
    "relu": _plain("Relu"),
    "hardtanh": _clamp,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "hardtanh_backward": _hardtanh_backward,
    "threshold_backward": _threshold_backward,
    "expand": _expand,
    "unfold": _unfold,
    "slice": _slice,
    "select": _select,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "max_pool2d_with_indices": _pool,
    "getitem": _item,
    "<built-in function getitem>": _item,
    "addmm": _linear,
    "_to_copy": _cast,
    "cat": _cat,
    "stack": lambda w, node: w.node(
        "Concat",
        *[w.node("Unsqueeze", one, w.axes(node.args[1] if len(node.args) > 1 else 0)) for one in node.args[0]],
        axis=node.args[1] if len(node.args) > 1 else 0,
    ),
}
