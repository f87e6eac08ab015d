"""Parameters from data."""

from __future__ import annotations

import ctypes
import os
import tempfile
import warnings
from ctypes import byref
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple, Union

from ._context import Listener, Owner, Path, Report, count_of, encoded, path_of, real_of
from ._library import FitSettings, lib
from ._samples import is_dataset
from .errors import ArgumentError

Words = Union[str, Sequence[str]]
Numbers = Union[str, float, Mapping[str, float]]
Pairs = Union[str, Mapping[str, Tuple[Optional[float], Optional[float]]]]


def _number(value: Any, what: str) -> str:
    return "%.17g" % real_of(value, what)


def _numbers(value: Optional[Numbers], what: str) -> Optional[bytes]:
    """"D = 1e-3, k = 2" of a mapping; one number; or text as it is."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = ", ".join("%s = %s" % (name, _number(number, what)) for name, number in value.items())
    return encoded(value if isinstance(value, str) else _number(value, what), what)


def _pairs(value: Optional[Pairs], between: str, what: str) -> Optional[bytes]:
    """"D = 1e-4 : 1e-2" of a mapping to pairs, None where there is no number; or text as it is."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        said = []
        for name, pair in value.items():
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ArgumentError("%s of %s are %r; two numbers expected" % (what, name, pair))
            left, right = ("" if number is None else _number(number, what) for number in pair)
            said.append("%s = %s %s %s" % (name, left, between, right))
        value = ", ".join(said)
    return encoded(value, what)


class _File:
    """Observations in a file: one that there is, or a Dataset written for the time of a call."""

    def __init__(self, data: Any) -> None:
        self._folder: Optional[tempfile.TemporaryDirectory[str]] = None
        if is_dataset(data):
            self._folder = tempfile.TemporaryDirectory(prefix="pdemoe-")
            self.path = os.path.join(self._folder.name, "data.nc")
            data.to_netcdf(self.path)
        else:
            self.path = os.fsdecode(path_of(data, "data"))

    def __enter__(self) -> bytes:
        return os.fsencode(self.path)

    def __exit__(self, *_: Any) -> None:
        if self._folder:
            self._folder.cleanup()


class Fitting(Owner):
    """What observations can be fitted with: a case by its solutions, or a model by its answers."""

    _fit: Callable[..., int]

    def fit(self, data: Any, output: Path, parameters: Words, *, start: Optional[Numbers] = None,
            bounds: Optional[Pairs] = None, priors: Optional[Pairs] = None, noise: Optional[Numbers] = None,
            tolerance: Optional[float] = None, max_iter: Optional[int] = None, max_unknowns: Optional[int] = None,
            apart: bool = False) -> Report:
        """Parameters, inputs and initial fields from data (pdm_case_fit, pdm_model_fit).

        data: a NetCDF file or an xarray.Dataset with observations: variables named like fields, or with an attribute
        observed = "EXPRESSION"; variables or coordinates named like the dimensions say where. parameters: "D, k", or
        names; of a model, inputs that it has. start, noise: a mapping of numbers, or text as of `pdemoe fit`; bounds: of
        pairs (low, high), priors: of pairs (mean, deviation), None where there is none. What was found goes to the file
        `output`, and to the report's numbers "value.D", "error.D", "chi2" and others; the text is its table. Warns
        where a search did not converge.
        """
        settings, listener, name = FitSettings(), Listener(), path_of(output, "output")
        lib.pdm_fit_settings_init(byref(settings), ctypes.sizeof(settings))
        words = parameters if isinstance(parameters, str) else ", ".join(parameters)
        settings.parameters = encoded(words, "parameters")
        settings.start = _numbers(start, "start")
        settings.bounds = _pairs(bounds, ":", "bounds")
        settings.priors = _pairs(priors, "+-", "priors")
        settings.noise = _numbers(noise, "noise")
        settings.apart = int(bool(apart))
        if tolerance is not None:
            settings.tolerance = real_of(tolerance, "tolerance")
        if max_iter is not None:
            settings.max_iter = count_of(max_iter, "max_iter")
        if max_unknowns is not None:
            settings.max_unknowns = count_of(max_unknowns, "max_unknowns")
        with _File(data) as path, self._call() as handle:
            self._context.check(type(self)._fit(handle, path, name, byref(settings), listener.sink, listener.number, None))
        report = listener.report()
        if not report.numbers.get("converged"):
            warnings.warn("%s: a search did not converge (fit_end)" % os.fsdecode(name), RuntimeWarning, stacklevel=2)
        return report
