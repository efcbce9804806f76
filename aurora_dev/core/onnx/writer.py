"""Writes ONNX files from nodes and constants; needs nothing but NumPy.

The format is a protocol buffer (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3), and a graph without control
flow uses a small part of it. Writing that part here saves every installation a package that only quantising needs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NewType

import numpy.typing as npt

from aurora_dev.core.onnx.errors import ModelTooLargeError

Value = NewType("Value", str)
"""The name of a node's output, a constant or an input; the format refers to each by its name."""

CONTRIB = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""

FLOAT, UINT8, INT8, INT64 = 1, 2, 3, 7
_TYPES = {"float32": FLOAT, "uint8": UINT8, "int8": INT8, "int64": INT64}

# The first version of the operators whose Split has a number of parts; every ONNX Runtime since 1.14 has it.
_OPERATORS = 18
_CONTRIB_OPERATORS = 1
_FORMAT = 8  # the version of the file format that came with those operators
_LARGEST_FILE = 2**31 - 1  # bytes of any protocol buffer

_VARINT, _LENGTH, _FIXED32 = 0, 2, 5
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_INTS = 1, 2, 7


class OnnxGraph:
    """A graph that grows node by node.

    Args:
        name: The name of the graph.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[bytes] = []
        self._constants: dict[str, bytes] = {}
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def input(self, name: str, element: int, shape: Sequence[str | int]) -> Value:
        """Declare an input; a string in the shape names a length that varies."""
        self._inputs.append(_value_info(name, element, shape))
        return Value(name)

    def constant(self, name: str, array: npt.NDArray[Any]) -> Value:
        """Add an array (float32, uint8, int8 or int64) under a name; a second array of that name is ignored."""
        if name not in self._constants:
            fields = [_number(1, length) for length in array.shape]
            fields += [_number(2, _TYPES[array.dtype.name]), _text(8, name)]
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            self._constants[name] = b"".join([*fields, _field(9, little.tobytes())])
        return Value(name)

    def add(self, operator: str, *inputs: Value | None, domain: str = "", **attributes: Any) -> Value:
        """Add a node and return its output; see `split` for a node with several outputs.

        Args:
            operator: Its name in ONNX, or in the domain of ONNX Runtime.
            *inputs: ``None`` leaves an optional input out.
            domain: `CONTRIB`, or the standard domain.
            **attributes: Whole numbers, floats, and lists of whole numbers.
        """
        return self._node(operator, inputs, 1, domain, attributes)[0]

    def split(self, value: Value, parts: int, axis: int) -> list[Value]:
        """Cut a tensor into equal parts."""
        return self._node("Split", (value,), parts, "", {"axis": axis, "num_outputs": parts})

    def output(self, value: Value, name: str, element: int, shape: Sequence[str | int]) -> None:
        """Declare an output of the graph under a name."""
        self._nodes.append(_node_bytes("Identity", f"give {name}", (value,), (name,), "", {}))
        self._outputs.append(_value_info(name, element, shape))

    def to_bytes(self) -> bytes:
        """Return the bytes of the file.

        Raises:
            ModelTooLargeError: The file would be larger than ONNX files may be (2 GiB).
        """
        size = sum(map(len, (*self._nodes, *self._constants.values())))
        if size > _LARGEST_FILE - 2**20:
            raise ModelTooLargeError(f"as an ONNX file it would take {size / 2**30:.1f} GiB, and 2 GiB is the most")
        graph = b"".join(
            (
                *(_field(1, node) for node in self._nodes),
                _text(2, self._name),
                *(_field(5, constant) for constant in self._constants.values()),
                *(_field(11, value) for value in self._inputs),
                *(_field(12, value) for value in self._outputs),
            )
        )
        operators = _field(8, _text(1, "") + _number(2, _OPERATORS))
        contrib = _field(8, _text(1, CONTRIB) + _number(2, _CONTRIB_OPERATORS))
        return b"".join((_number(1, _FORMAT), _text(2, "aurora"), operators, contrib, _field(7, graph)))

    def _node(
        self, operator: str, inputs: Sequence[Value | None], outputs: int, domain: str, attributes: dict[str, Any]
    ) -> list[Value]:
        name = f"{operator} {len(self._nodes)}"
        names = [f"{name}:{number}" for number in range(outputs)]
        self._nodes.append(_node_bytes(operator, name, inputs, names, domain, attributes))
        return [Value(name) for name in names]


def _node_bytes(
    operator: str,
    name: str,
    inputs: Sequence[Value | None],
    outputs: Sequence[str],
    domain: str,
    attributes: dict[str, Any],
) -> bytes:
    fields = [_text(1, value or "") for value in inputs]
    fields += [_text(2, output) for output in outputs]
    fields += [_text(3, name), _text(4, operator)]
    fields += [_field(5, _attribute(key, value)) for key, value in attributes.items()]
    return b"".join([*fields, _text(7, domain)])


def _attribute(name: str, value: int | float | Sequence[int]) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + _key(2, _FIXED32) + struct.pack("<f", value) + _number(20, _ATTRIBUTE_FLOAT)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, _ATTRIBUTE_INT)
    return _text(1, name) + b"".join(_number(8, each) for each in value) + _number(20, _ATTRIBUTE_INTS)


def _value_info(name: str, element: int, shape: Sequence[str | int]) -> bytes:
    lengths = (_text(2, length) if isinstance(length, str) else _number(1, length) for length in shape)
    tensor = _number(1, element) + _field(2, b"".join(_field(1, length) for length in lengths))
    return _text(1, name) + _field(2, _field(1, tensor))


def _key(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _field(number: int, data: bytes) -> bytes:
    return _key(number, _LENGTH) + _varint(len(data)) + data


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode("utf-8"))


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers in two's complement
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)
