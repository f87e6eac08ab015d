"""Inputs of samples, as a host has them, brought into the rows that the library takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Hashable, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from ._context import numbers_of
from .errors import ArgumentError, DataError
from .labels import Axis, Input

if TYPE_CHECKING:
    from .model import Model


class Samples(NamedTuple):
    """Rows of inputs, and what their dimensions were before they became rows."""

    rows: Any  #: [n][n_input] C-contiguous float64
    dims: Tuple[Hashable, ...]  #: of the samples: () for one, ("sample",) for a list
    shape: Tuple[int, ...]
    coords: Dict[Hashable, Any]  #: of those dimensions, as an xarray.Dataset has them
    output: Dict[str, Any]  #: coordinates to answer on, by dimension


def is_dataset(inputs: Any) -> bool:
    """An xarray.Dataset, without an import of xarray."""
    return hasattr(inputs, "data_vars") and hasattr(inputs, "coords")


def take(model: "Model", inputs: Any, names: Mapping[str, Any]) -> Samples:
    """Inputs as a Dataset, a mapping of names, or an array [n][n_input] or [n_input]; or as names of their own."""
    if names and inputs is not None:
        raise ArgumentError("inputs are given twice: as an argument and by name (%s)" % ", ".join(names))
    if names or inputs is None:
        inputs = names
    if is_dataset(inputs):
        samples = _of_dataset(model, inputs)
    elif isinstance(inputs, Mapping):
        samples = _of_mapping(model, inputs)
    else:
        samples = _of_array(model, inputs)
    _check_finite(model, samples.rows)
    return samples


def _check_finite(model: "Model", rows: Any) -> None:
    good = np.isfinite(rows)
    if good.all():
        return
    sample, column = np.argwhere(~good)[0]
    for name, about in model.inputs.items():
        if about.first <= column < about.first + about.n:
            raise DataError("input %s of sample %d is %g%s; finite numbers expected"
                            % (name, sample, rows[sample, column],
                               " at number %d" % (column - about.first) if about.axes else ""))


def _of_array(model: "Model", inputs: Any) -> Samples:
    array = numbers_of(inputs, "inputs")
    if array.ndim not in (1, 2) or array.shape[-1] != model.n_input:
        raise ArgumentError("inputs of shape %s; (%d,) or (n, %d) expected: %s" % (
            array.shape, model.n_input, model.n_input,
            ", ".join(name if not about.axes else "%s at %d points" % (name, about.n)
                      for name, about in model.inputs.items()) or "the case has no inputs"))
    if array.ndim == 1:
        return Samples(array[np.newaxis, :], (), (), {}, {})
    return Samples(array, ("sample",), array.shape[:1], {}, {})


def _check_names(model: "Model", given: Any) -> None:
    missing = [name for name in model.inputs if name not in given]
    if missing:
        raise DataError("no values for %s; the inputs of the case are %s"
                        % (", ".join(missing), ", ".join(model.inputs) or "none"))


def _of_mapping(model: "Model", inputs: Mapping[str, Any]) -> Samples:
    unknown = [str(name) for name in inputs if name not in model.inputs]
    if unknown:
        raise ArgumentError("%s is no input of the case; %s expected"
                            % (", ".join(unknown), ", ".join(model.inputs) or "none"))
    _check_names(model, inputs)
    values, lead = {}, []
    for name, about in model.inputs.items():
        values[name] = numbers_of(inputs[name], name)
        n_own = len(about.axes)
        shape = values[name].shape
        if len(shape) not in (n_own, n_own + 1) or shape[len(shape) - n_own:] != about.shape:
            raise ArgumentError("%s has the shape %s; %s or (n, ...) of it expected" % (name, shape, about.shape))
        lead.append(shape[:len(shape) - n_own])
    try:
        shape = np.broadcast_shapes(*lead)
    except ValueError:
        raise ArgumentError("inputs of %s samples; as many of each, or one, expected"
                            % ", ".join(str(one[0]) for one in lead if one)) from None
    rows = np.empty((shape[0] if shape else 1, model.n_input))
    for name, about in model.inputs.items():
        block = values[name].reshape((-1, about.n))
        rows[:, about.first:about.first + about.n] = block
    return Samples(rows, ("sample",) if shape else (), shape, {}, {})


# ---- xarray ----


def _own_units(model: "Model", values: Any, about: "Input | Axis") -> Any:
    """Values in the units of the case."""
    factor, offset = model._conversion(str(values.attrs.get("units", "")), about.units)
    array = numbers_of(values.values, about.name)
    return array if factor == 1.0 and offset == 0.0 else array * factor + offset


def _output_of(model: "Model", data: Any) -> Dict[str, Any]:
    """Coordinates of the Dataset along dimensions of the fields."""
    return {name: _own_units(model, data.coords[name], axis)
            for name, axis in model.output.items() if name in data.coords and data.coords[name].dims == (name,)}


def _sample_dims(model: "Model", data: Any) -> Dict[Hashable, int]:
    """Dimensions that inputs have beside their own, with their lengths, in the order in which they come."""
    dims: Dict[Hashable, int] = {}
    for name, about in model.inputs.items():
        values = data[name]
        for dim, n in zip(values.dims, values.shape):
            if dim in about.dims:
                continue
            if dim in model.output:
                raise DataError("%s varies along %s, which is a dimension of the fields; it has %s in this case"
                                % (name, dim, " and ".join(about.dims) or "none of them"))
            dims[dim] = n
        lacking = [dim for dim in about.dims if dim not in values.dims]
        if lacking:
            raise DataError("%s has no dimension %s; (%s) expected, and those of samples"
                            % (name, lacking[0], ", ".join(about.dims)))
    return dims


def _of_dataset(model: "Model", data: Any) -> Samples:
    _check_names(model, data)
    output, dims = _output_of(model, data), _sample_dims(model, data)
    shape = tuple(dims.values())
    rows = np.empty((int(np.prod(shape, dtype=np.int64)), model.n_input))
    for name, about in model.inputs.items():
        values = data[name]
        own = [dim for dim in dims if dim in values.dims]
        block = _own_units(model, values.transpose(*own, *about.dims), about)
        if about.axes:
            block = _at_points(model, about, block, output)
        wide = [n if dim in own else 1 for dim, n in dims.items()]
        target = rows[:, about.first:about.first + about.n].reshape(shape + (about.n,))
        target[...] = block.reshape(wide + [about.n])
        rows[:, about.first:about.first + about.n] = target.reshape((-1, about.n))
    coords = {name: coordinate for name, coordinate in data.coords.items()
              if coordinate.dims and all(dim in dims for dim in coordinate.dims)}
    return Samples(rows, tuple(dims), shape, coords, output)


def _at_points(model: "Model", about: Input, values: Any, coordinates: Mapping[str, Any]) -> Any:
    """A field given on coordinates of its own, at the points of the model: [..., n]."""
    lacking = [dim for dim in about.dims if dim not in coordinates]
    if lacking:
        raise DataError("%s has dimension %s, but there are no coordinates of that name" % (about.name, lacking[0]))
    n_own = len(about.axes)
    grid = [coordinates[dim] for dim in about.dims]
    lead: List[int] = list(values.shape[:values.ndim - n_own])
    return model._bring(about, grid, np.ascontiguousarray(values)).reshape(lead + [about.n])


def output_of(model: "Model", output: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """Coordinates that a caller wants, by dimension; a single number is one."""
    wanted = {}
    for name, values in (output or {}).items():
        if name not in model.output:
            raise ArgumentError("no dimension %r; fields have %s" % (name, ", ".join(model.output)))
        wanted[name] = np.atleast_1d(numbers_of(values, "output coordinates of %s" % name))
        if wanted[name].ndim != 1:
            raise ArgumentError("output coordinates of %s have %d dimensions; 1 expected" % (name, wanted[name].ndim))
    return wanted
