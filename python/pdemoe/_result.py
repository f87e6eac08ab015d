"""Answers with their labels: as an xarray.Dataset, or where there is no xarray as a dict of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Hashable, List, NamedTuple, Optional, Tuple

import numpy as np

from ._context import Report
from ._library import lib, text_of
from .errors import DataError
from .labels import Axis

try:
    import xarray
except ImportError:
    xarray = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from ._samples import Samples
    from .model import Model

NOT_FINITE, SINGULAR = 5, 6  # PDM_REASON_NOT_FINITE, PDM_REASON_SINGULAR: there is no answer
_N_REASON, _N_VERDICT = 7, 4


class Verdicts(NamedTuple):
    """What answers are worth, of [n] samples."""

    word: Any
    left_over: Any
    estimate: Any  #: [n][n_field], or None


class Answer:
    """Fields of samples as the library gives them."""

    def __init__(self, model: "Model", samples: "Samples", axes: Dict[str, Axis], u: Any, reason: Any) -> None:
        self.model, self.samples, self.axes, self.u, self.reason = model, samples, axes, u, reason
        self.verdicts: Optional[Verdicts] = None

    def clear_missing(self) -> None:
        """NaN for what has no answer."""
        missing = self.reason >= NOT_FINITE
        if missing.any():
            self.u[missing] = np.nan

    def take_verdicts(self, model: Any, check: Callable[[int], None], estimated: bool) -> None:
        """Those of the last pdm_model_predict, which this is the answer of."""
        n = len(self.reason)
        word, left = np.empty(n, np.int32), np.empty(n)
        estimate = np.empty((n, self.u.shape[1])) if estimated else None
        check(lib.pdm_model_verdicts(model, n, word.ctypes.data, left.ctypes.data,
                                     None if estimate is None else estimate.ctypes.data))
        self.verdicts = Verdicts(word, left, estimate)

    def shaped_fields(self) -> Any:
        """All fields, in the shape of the samples."""
        return self.u.reshape(self.samples.shape + self.u.shape[1:])


Variable = Tuple[Tuple[Hashable, ...], Any, Dict[str, Any]]  # dimensions, values, attributes: as xarray takes it


def _flags(n: int, text: Callable[[int], bytes], long_name: str) -> Dict[str, Any]:
    return {"units": "1", "long_name": long_name, "flag_values": np.arange(n, dtype=np.int32),
            "flag_meanings": " ".join(text_of(text(i)).replace(" ", "_") for i in range(n))}


_REASON = _flags(_N_REASON, lib.pdm_reason_text, "why the solve stopped; 1 and 2: converged")
_VERDICT = _flags(_N_VERDICT, lib.pdm_verdict_text, "is the answer good to the accuracy wanted?")


def _labels(about: Any, **more: str) -> Dict[str, Any]:
    return {"units": about.units or "1", "long_name": about.long_name, **more}


def _fields(answer: Answer) -> Dict[str, Variable]:
    """Views of the array of all fields."""
    dims = answer.samples.dims + tuple(answer.axes)
    u = answer.shaped_fields()
    lead = (slice(None),) * len(answer.samples.shape)
    return {name: (dims, u[lead + (f,)], _labels(field)) for f, (name, field) in enumerate(answer.model.fields.items())}


def _inputs(answer: Answer) -> Dict[str, Variable]:
    """The inputs that answers are of, at the model's points: views of the rows."""
    variables: Dict[str, Variable] = {}
    samples = answer.samples
    for name, about in answer.model.inputs.items():
        values = samples.rows[:, about.first:about.first + about.n].reshape(samples.shape + about.shape)
        variables[name] = (samples.dims + _dims_of_points(answer, name), values, _labels(about, role="input"))
    return variables


def _is_on_output(answer: Answer, axis: Axis) -> bool:
    return np.array_equal(axis.coordinate, answer.axes[axis.name].coordinate)


def _dims_of_points(answer: Answer, name: str) -> Tuple[str, ...]:
    """Of an input: "x" where its points are those of the fields, else "x_of_u0"."""
    return tuple(axis.name if _is_on_output(answer, axis) else "%s_of_%s" % (axis.name, name)
                 for axis in answer.model.inputs[name].axes)


def _per_sample(answer: Answer) -> Dict[str, Variable]:
    """Reasons and verdicts."""
    dims, shape = answer.samples.dims, answer.samples.shape
    variables: Dict[str, Variable] = {"solver_reason": (dims, answer.reason.reshape(shape), _REASON)}
    verdicts = answer.verdicts
    if verdicts is None:
        return variables
    variables["verdict"] = (dims, verdicts.word.reshape(shape), _VERDICT)
    variables["left_over"] = (dims, verdicts.left_over.reshape(shape), {
        "units": "1", "long_name": "left over of the equations on finer cells, of the largest term"})
    if verdicts.estimate is None:
        return variables
    fields = list(answer.model.fields)
    for f, field in enumerate(fields):
        name = "error_estimate" if len(fields) == 1 else "error_estimate_" + field
        variables[name] = (dims, verdicts.estimate[:, f].reshape(shape), {
            "units": "1", "long_name": "relative L2 error of %s, estimated on finer and coarser grids" % field})
    return variables


def _coordinates(answer: Answer) -> Dict[Hashable, Any]:
    coords: Dict[Hashable, Any] = dict(answer.samples.coords)
    for name, axis in answer.axes.items():
        coords[name] = ((name,), axis.coordinate, _labels(axis))
    for name, about in answer.model.inputs.items():
        for dim, axis in zip(_dims_of_points(answer, name), about.axes):
            coords[dim] = ((dim,), axis.coordinate, _labels(axis))
    return coords


def _attributes(answer: Answer, steps: int, polish: float) -> Dict[str, Any]:
    attributes: Dict[str, Any] = {}
    if answer.model._title:
        attributes["title"] = answer.model._title
    attributes.update(source="pdemoe", pdemoe_version=text_of(lib.pdm_version()), training_steps=steps,
                      history="solved by pdemoe" if polish > 0.0 else "predicted by pdemoe")
    if polish > 0.0:
        attributes["polish_tolerance"] = polish
    return attributes


def result_of(answer: Answer, steps: int, polish: float) -> Any:
    """All of it, labelled. An input that is a coordinate of the samples is not a variable, too."""
    coords = _coordinates(answer)
    variables = {**_fields(answer), **_inputs(answer), **_per_sample(answer)}
    variables = {name: variable for name, variable in variables.items() if name not in coords}
    if xarray is None:
        arrays: Dict[Hashable, Any] = {name: variable[1] for name, variable in variables.items()}
        arrays.update((name, coordinate[1]) for name, coordinate in coords.items())
        return arrays
    return xarray.Dataset(variables, coords, _attributes(answer, steps, polish))


# ---- errors against a reference ----


def _relative(ours: Any, theirs: Any, dims: List[Hashable]) -> Any:
    """||u - v|| / ||v|| over the output points, as pdm_model_evaluate_file has it."""
    return np.sqrt(((ours - theirs) ** 2).sum(dims, skipna=False) / (theirs**2).sum(dims, skipna=False))


def errors_of(model: "Model", result: Any, reference: Any) -> Report:
    """Errors of a result against a Dataset with the same fields, on the same coordinates and samples."""
    numbers: Dict[str, float] = {}
    lines, every = [], []
    dims: List[Hashable] = list(model.output)
    for name, field in model.fields.items():
        if name not in reference:
            raise DataError("no variable %s; a reference has the fields of the case" % name)
        for dim in dims:
            if dim not in reference.coords or dim not in reference[name].dims:
                raise DataError("%s has no coordinate %s; a reference has coordinates" % (name, dim))
        factor, offset = model._conversion(str(reference[name].attrs.get("units", "")), field.units)
        theirs = reference[name] * factor + offset
        theirs = theirs.assign_coords({dim: result[dim] for dim in dims})
        errors = np.atleast_1d(_relative(result[name], theirs, dims).values).ravel()
        every.append(errors)
        numbers["error." + name] = float(errors.mean())
        lines.append("%s: mean relative L2 error %.4g over %d samples, worst %.4g\n"
                     % (name, errors.mean(), errors.size, errors.max()))
    numbers["error"] = float(np.mean([errors.mean() for errors in every]))
    numbers["error.worst"] = float(max(errors.max() for errors in every))
    return Report("".join(lines), numbers)
