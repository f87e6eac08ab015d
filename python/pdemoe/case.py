"""Cases: what to solve."""

from __future__ import annotations

import ctypes
import os
import tempfile
from ctypes import byref, c_char_p, c_int64, c_void_p
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple

import numpy as np

from ._context import Context, Listener, Path, Report, count_of, encoded, numbers_of, path_of, real_of, text_array
from ._fit import Fitting
from ._library import ReferenceSettings, lib, text_of
from .errors import ArgumentError, CaseError

if TYPE_CHECKING:
    from .model import Model, ProgressLike

__all__ = ["Case"]

#: A text, a number, a list of numbers; (dimensions, values), or an xarray.DataArray.
Value = Any


def _place(key: str) -> Tuple[bytes, bytes]:
    """Group and name of "solver:tolerance", ":title"."""
    group, colon, name = key.rpartition(":") if isinstance(key, str) else ("", "", "")
    if not colon or not name:
        raise ArgumentError('%r is no attribute of a case; "group:name" expected, as in "solver:tolerance"' % (key,))
    return encoded(group, "the group"), encoded(name, "the name")


class Case(Fitting):
    """What to solve: attributes and arrays, from a file or set one by one.

    path: a case in NetCDF, or in CDL where the name ends in ".cdl" (needs the program ncgen); None is an empty case.
    threads, backend, memory: of this case and of all that is made of it, as in pdm_context_set_threads (0 is all),
    pdm_context_set_backend and pdm_context_set_memory (bytes).

    `case["solver:tolerance"] = 1e-6` sets an attribute to text, a number or a list of numbers;
    `case["pde.parameters:K"] = (("x",), values)`, or an xarray.DataArray, sets a variable; `case["pde:fields"]` is an
    attribute as text. Since 0.1
    """

    _destroy = staticmethod(lib.pdm_case_destroy)
    _fit = staticmethod(lib.pdm_case_fit)

    def __init__(self, path: Optional[Path] = None, *, threads: Optional[int] = None, backend: Optional[str] = None,
                 memory: Optional[int] = None) -> None:
        name = None if path is None else path_of(path, "path")
        context, handle = Context(threads, backend, memory), c_void_p()
        try:
            with context.call() as ctx:
                context.check(lib.pdm_case_create(ctx, byref(handle)) if name is None
                              else lib.pdm_case_read(ctx, name, byref(handle)))
            self._own(context, handle)
        finally:
            context.give_up()

    @classmethod
    def _of(cls, context: Context, handle: c_void_p) -> "Case":
        case = cls.__new__(cls)
        case._own(context, handle)
        return case

    @classmethod
    def from_text(cls, text: str, **settings: Any) -> "Case":
        """A case from CDL as text. settings: threads, backend, memory."""
        data = encoded(text, "text")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "text.cdl")
            with open(path, "wb") as file:
                file.write(data)
            return cls(path, **settings)

    # ---- attributes and variables ----

    def __setitem__(self, key: str, value: Value) -> None:
        group, name = _place(key)
        if isinstance(value, str):
            text = encoded(value, key)
            with self._call() as case:
                self._context.check(lib.pdm_case_set_text(case, group, name, text))
        elif hasattr(value, "dims") and hasattr(value, "values"):  # an xarray.DataArray
            self._set_array(group, name, value.dims, value.values, key)
        elif isinstance(value, tuple) and len(value) == 2 and (isinstance(value[0], str) or not np.isscalar(value[0])):
            self._set_array(group, name, value[0], value[1], key)
        else:
            self._set_numbers(group, name, value, key)

    def _set_numbers(self, group: bytes, name: bytes, value: Any, key: str) -> None:
        numbers = numbers_of(value, key)
        if numbers.ndim > 1:
            raise ArgumentError("%s has %d dimensions; their names and the values, as a tuple, expected"
                                % (key, numbers.ndim))
        with self._call() as case:
            self._context.check(lib.pdm_case_set_numbers(case, group, name, numbers.size, numbers.ctypes.data))

    def _set_array(self, group: bytes, name: bytes, dims: Any, value: Any, key: str) -> None:
        words, values = (dims,) if isinstance(dims, str) else tuple(dims), numbers_of(value, key)
        if len(words) != values.ndim:
            raise ArgumentError("%s has %d dimensions, and %d names of them" % (key, values.ndim, len(words)))
        names, shape = text_array(words, "the name of a dimension"), (c_int64 * values.ndim)(*values.shape)
        with self._call() as case:
            self._context.check(lib.pdm_case_set_array(case, group, name, values.ndim, names, shape,
                                                       values.ctypes.data))

    def __getitem__(self, key: str) -> str:
        (group, name), value = _place(key), c_char_p()
        with self._call() as case:
            status = lib.pdm_case_get_text(case, group, name, byref(value))
            if status == CaseError.status:
                raise KeyError(key)
            self._context.check(status)
            return text_of(value.value)

    def __contains__(self, key: str) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def update(self, settings: Mapping[str, Value]) -> "Case":
        """Sets several attributes; the case itself."""
        for key, value in settings.items():
            self[key] = value
        return self

    # ---- what it says ----

    def check(self, against: Optional[Path] = None) -> Report:
        """Checks the case, and says what will be solved (pdm_case_describe); or, with a NetCDF file of fields, how well
        the equations fit those (pdm_case_check_data)."""
        listener, data = Listener(), None if against is None else path_of(against, "against")
        with self._call() as case:
            if data is None:
                status = lib.pdm_case_describe(case, listener.sink, None)
            else:
                status = lib.pdm_case_check_data(case, data, listener.sink, listener.number, None)
            self._context.check(status)
        return listener.report()

    # ---- what is made of it ----

    def model(self, parent: Optional["Model"] = None) -> "Model":
        """A model with fresh weights (pdm_model_create), or with those of a parent that was made of this case or of
        one like it (pdm_model_create_from)."""
        from .model import Model

        handle = c_void_p()
        with self._call() as case:
            if parent is None:
                status = lib.pdm_model_create(case, byref(handle))
            elif parent._context is not self._context:
                raise ArgumentError("parent is of another family; a model whose case is parent.case() has it as parent")
            else:
                status = lib.pdm_model_create_from(case, parent._opened(), byref(handle))
            self._context.check(status)
            return Model._of(self._context, handle)

    def train(self, path: Path, *, steps: Optional[int] = None, progress: "ProgressLike" = True,
              judge: bool = True) -> "Model":
        """A model of the case, trained to a file; see Model.train."""
        model = self.model()
        try:
            return model.train(path, steps=steps, progress=progress, judge=judge)
        except BaseException:
            model.close()
            raise

    def polish(self, inputs: Any = None, output: Optional[Mapping[str, Any]] = None, *, tolerance: float = 1e-6,
               **names: Any) -> Any:
        """A classical solve, without training; see Model.polish."""
        with self.model() as model:
            return model.polish(inputs, output, tolerance=tolerance, **names)

    def reference(self, output: Path, inputs: Optional[Path] = None, *, n_sample: int = 0, method: str = "auto",
                  tolerance: float = 1e-4, max_unknowns: int = 0, max_seconds: float = 0.0) -> Report:
        """A converged solution to a file, on finer and finer grids (pdm_case_reference): the table of rounds."""
        listener, settings = Listener(), ReferenceSettings()
        lib.pdm_reference_settings_init(byref(settings), ctypes.sizeof(settings))
        settings.input = None if inputs is None else path_of(inputs, "inputs")
        settings.n_sample = count_of(n_sample, "n_sample")
        settings.method = encoded(method, "method")
        settings.tolerance = real_of(tolerance, "tolerance")
        settings.max_unknowns = count_of(max_unknowns, "max_unknowns")
        settings.max_seconds = real_of(max_seconds, "max_seconds")
        name = path_of(output, "output")
        with self._call() as case:
            self._context.check(lib.pdm_case_reference(case, name, byref(settings), listener.sink, listener.number,
                                                       None))
        return listener.report()

    def __reduce__(self) -> Any:
        raise TypeError("a case is not pickled; a model is")

    def __repr__(self) -> str:
        if self.closed:
            return "<pdemoe.Case, closed>"
        said: Dict[str, str] = {key: self[key] for key in ("pde:fields", "domain:dimensions") if key in self}
        return "<pdemoe.Case: %s>" % (", ".join("%s = %r" % pair for pair in said.items()) or "empty")
