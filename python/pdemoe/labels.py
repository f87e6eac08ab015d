"""What the numbers of a model are: its inputs, fields and dimensions, as NumPy and xarray want them."""

from __future__ import annotations

from ctypes import byref, c_void_p, memmove
from typing import Any, Callable, Dict, NamedTuple, Tuple

import numpy as np

from ._library import Dimension, Quantity, lib, text_of

__all__ = ["Axis", "Input", "Field"]

class Axis(NamedTuple):
    """A dimension, and coordinates along it, which increase (pdm_dimension)."""

    name: str
    units: str  #: "" where the case gives none
    long_name: str
    coordinate: Any  #: array [n]


class Input(NamedTuple):
    """An input of the case (pdm_quantity): a number, or a field at its own points."""

    name: str
    units: str  #: "" where the case gives none
    long_name: str
    first: int  #: its numbers among those of a sample: first ...
    n: int  #: ... and how many
    axes: Tuple[Axis, ...]  #: () of a number
    low: float  #: between which training draws it; NaN where that is not known
    high: float

    @property
    def dims(self) -> Tuple[str, ...]:
        """Names of its dimensions."""
        return tuple(axis.name for axis in self.axes)

    @property
    def shape(self) -> Tuple[int, ...]:
        """Values along them."""
        return tuple(len(axis.coordinate) for axis in self.axes)


class Field(NamedTuple):
    """A field of the case (pdm_quantity)."""

    name: str
    units: str  #: "" where the case gives none
    long_name: str


def _axis(status: int, check: Callable[[int], None], d: Dimension) -> Axis:
    check(status)
    points = np.empty(d.n)
    memmove(points.ctypes.data, d.coordinate, points.nbytes)
    points.flags.writeable = False
    return Axis(text_of(d.name), text_of(d.units), text_of(d.long_name), points)


def read_inputs(model: c_void_p, check: Callable[[int], None]) -> Dict[str, Input]:
    """All inputs of a model by name, in the order of the case."""
    inputs: Dict[str, Input] = {}
    q, d = Quantity(), Dimension()
    for i in range(lib.pdm_model_count_inputs(model)):
        check(lib.pdm_model_input(model, i, byref(q)))
        axes = tuple(_axis(lib.pdm_model_input_dimension(model, i, k, byref(d)), check, d) for k in range(q.n_dim))
        name = text_of(q.name)
        inputs[name] = Input(name, text_of(q.units), text_of(q.long_name), q.first, q.n, axes, q.low, q.high)
    return inputs


def read_fields(model: c_void_p, check: Callable[[int], None]) -> Dict[str, Field]:
    """All fields of a model by name, in the order of the case."""
    fields: Dict[str, Field] = {}
    q = Quantity()
    for f in range(lib.pdm_model_n_field(model)):
        check(lib.pdm_model_field(model, f, byref(q)))
        fields[text_of(q.name)] = Field(text_of(q.name), text_of(q.units), text_of(q.long_name))
    return fields


def read_output(model: c_void_p, check: Callable[[int], None]) -> Dict[str, Axis]:
    """Dimensions of the fields, with the coordinates that predictions are on now."""
    d = Dimension()
    axes = (_axis(lib.pdm_model_output_dimension(model, j, byref(d)), check, d)
            for j in range(lib.pdm_model_n_dim(model)))
    return {axis.name: axis for axis in axes}
