"""Models: trained on a case, and answering for its inputs."""

from __future__ import annotations

import ctypes
import signal
import threading
from contextlib import contextmanager
from ctypes import byref, c_void_p
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple, Union

import numpy as np

from ._context import (Context, Listener, Path, Report, conversion, count_of, encoded, numbers_of, path_of,
                       real_of)
from ._fit import Fitting
from ._library import BYTES, PROGRESS, lib, text_of
from ._result import Answer, errors_of, result_of
from ._samples import Samples, is_dataset, output_of, take
from .case import Case
from .errors import ArgumentError, InterruptedTraining
from .labels import Axis, Field, Input, read_fields, read_inputs, read_output
from .progress import Progress

__all__ = ["Model"]

#: True: a line in terminal or notebook; None or False: silence; or a function of the model, called after every step,
#: which stops the training where it returns something true.
ProgressLike = Union[bool, None, Callable[["Model"], Any]]


class Model(Fitting):
    """A model of a case: read from a file, or made by Case.model and Case.train.

    path: a model file. threads, backend, memory: as of a Case. Calls on one model, and on all of its family, from
    several threads come one after the other; models that were read are independent. While the library works, other
    threads of Python do, too. Since 0.1
    """

    _destroy = staticmethod(lib.pdm_model_destroy)
    _fit = staticmethod(lib.pdm_model_fit)

    def __init__(self, path: Path, *, threads: Optional[int] = None, backend: Optional[str] = None,
                 memory: Optional[int] = None) -> None:
        name = path_of(path, "path")
        context, handle = Context(threads, backend, memory), c_void_p()
        try:
            with context.call() as ctx:
                context.check(lib.pdm_model_read(ctx, name, byref(handle)))
            self._set_up(context, handle)
        finally:
            context.give_up()

    @classmethod
    def from_bytes(cls, data: bytes, *, threads: Optional[int] = None, backend: Optional[str] = None,
                   memory: Optional[int] = None) -> "Model":
        """A model of what to_bytes has given, or of the bytes of a model file. Models are pickled by these two."""
        if not isinstance(data, bytes):
            raise ArgumentError("data is a %s; bytes expected" % type(data).__name__)
        context, handle = Context(threads, backend, memory), c_void_p()
        try:
            with context.call() as ctx:
                context.check(lib.pdm_model_read_memory(ctx, data, len(data), byref(handle)))
            return cls._of(context, handle)
        finally:
            context.give_up()

    @classmethod
    def _of(cls, context: Context, handle: c_void_p) -> "Model":
        model = cls.__new__(cls)
        model._set_up(context, handle)
        return model

    def _set_up(self, context: Context, handle: c_void_p) -> None:
        self._own(context, handle)
        with self._context.look():
            self._inputs = read_inputs(handle, context.check)
            self._fields = read_fields(handle, context.check)
            self._output = read_output(handle, context.check)
            self._n_input = int(lib.pdm_model_n_input(handle))
            self._title = _title_of(handle, context.check)
        self._on = dict(self._output)  # what predictions are on now
        self._converted: Dict[Tuple[str, str], Tuple[float, float]] = {}

    # ---- what it is ----

    @property
    def inputs(self) -> Dict[str, Input]:
        """Inputs by name, in the order of the case."""
        return dict(self._inputs)

    @property
    def fields(self) -> Dict[str, Field]:
        """Fields by name, in the order of the case."""
        return dict(self._fields)

    @property
    def output(self) -> Dict[str, Axis]:
        """Dimensions of the fields, and the coordinates that answers are on unless others are wanted."""
        return dict(self._output)

    @property
    def n_input(self) -> int:
        """Numbers that one sample has as inputs: scalars, and fields at their own points."""
        return self._n_input

    @property
    def n_field(self) -> int:
        """Fields."""
        return len(self._fields)

    @property
    def step(self) -> int:
        """Steps of training done."""
        with self._look() as model:
            return int(lib.pdm_model_step(model))

    @property
    def steps(self) -> int:
        """Steps of training wanted."""
        with self._look() as model:
            return int(lib.pdm_model_steps(model))

    def value(self, name: str) -> float:
        """A number of the last step, prediction or evaluation, as pdm_model_value has it: "loss", "seconds"; NaN for
        what is not known."""
        with self._look() as model:
            return float(lib.pdm_model_value(model, encoded(name, "name")))

    def describe(self) -> Report:
        """What is in the model, in words."""
        listener = Listener()
        with self._call() as model:
            self._context.check(lib.pdm_model_describe(model, listener.sink, None))
        return listener.report()

    def case(self) -> Case:
        """Its case, a copy to change."""
        handle = c_void_p()
        with self._call() as model:
            self._context.check(lib.pdm_model_case(model, byref(handle)))
            return Case._of(self._context, handle)

    def write(self, path: Path) -> None:
        """Writes the model to a file, which is complete or not there."""
        name = path_of(path, "path")
        with self._call() as model:
            self._context.check(lib.pdm_model_write(model, name))

    def to_bytes(self) -> bytes:
        """The bytes of its file, which is not written."""
        taken = []
        take = BYTES(lambda _user, data, n: taken.append(ctypes.string_at(data, n)))
        with self._call() as model:
            self._context.check(lib.pdm_model_write_memory(model, take, None))
        return taken[0]

    def __reduce__(self) -> Tuple[Any, Tuple[bytes]]:
        return Model.from_bytes, (self.to_bytes(),)

    # ---- training ----

    def train(self, path: Path, *, steps: Optional[int] = None, progress: ProgressLike = True,
              judge: bool = True) -> "Model":
        """Trains up to `steps`, by default training:steps of the case, and writes the model to a file.

        A model that was read goes on where it was. The file is a checkpoint all the while. Ctrl-C, a progress function
        that raises, and one that returns something true stop after the step, with the checkpoint written; then
        KeyboardInterrupt or its own exception is raised, or the model returned. judge: at the end, what answers are
        worth (pdm_model_judge), as values "judged" and "judged.doubtful".
        """
        name = path_of(path, "path")
        watch = _Watch(self, progress)
        with self._call() as model, watch.signals():
            if steps is not None:
                self._context.check(lib.pdm_model_set_training(model, b"steps",
                                                               b"%d" % count_of(steps, "steps", 64)))
            status = lib.pdm_model_train(model, name, watch.function, None)
            if not watch.stopped or status != InterruptedTraining.status:
                self._context.check(status)
            if judge and status == 0 and lib.pdm_model_step(model) > 0:
                self._context.check(lib.pdm_model_judge(model, name, Listener().sink, None))
        watch.end()
        return self

    # ---- answers ----

    def __call__(self, x: Any = None, /, *, output: Optional[Mapping[str, Any]] = None, out: Any = None,
                 **names: Any) -> Any:
        """Fields as an array, without labels and verdicts: as a function for SciPy.

        x: [n_input] or [n][n_input], or inputs by name. Returns [n_field][points ...] or [n][n_field][points ...];
        NaN where a solve has no answer. out: an array for them, C-contiguous float64. Nothing is copied where x is
        C-contiguous float64.
        """
        samples = take(self, x, names)
        with self._call() as model:
            return self._solve(model, samples, output_of(self, output), out).shaped_fields()

    def gradient(self, x: Any = None, g: Any = None, /, *, output: Optional[Mapping[str, Any]] = None,
                 polish: float = 0.0, **names: Any) -> Any:
        """Derivatives by inputs of a number that is made of the answers: the sum of g times du/dx, [n_input] or
        [n][n_input], in the order of the inputs.

        x, output: as of a call of the model. g: the derivatives of the number by the answers, in their shape, or one
        that broadcasts to it. polish: 0, or a tolerance: of answers with all coefficients free. NaN where a solve has
        not converged. Costs a prediction and some work for every number of the inputs: see pdm_model_gradient. Since
        0.1
        """
        if names and g is None:
            x, g = None, x
        if g is None:
            raise ArgumentError("g is None; derivatives by the answers expected")
        samples, tolerance = take(self, x, names), real_of(polish, "polish")
        with self._call() as model:
            self._set_output(model, output_of(self, output))
            shape = samples.shape + self._answer_shape()
            by_fields = _broadcast(numbers_of(g, "g"), shape)
            by_inputs = np.empty(samples.rows.shape)
            self._context.check(lib.pdm_model_set_polish(model, tolerance))
            try:
                self._context.check(lib.pdm_model_gradient(model, len(samples.rows), samples.rows.ctypes.data,
                                                           by_fields.ctypes.data, by_inputs.ctypes.data, None, None))
            finally:
                lib.pdm_model_set_polish(model, 0.0)
        return by_inputs.reshape(samples.shape + (self.n_input,))

    def predict(self, inputs: Any = None, output: Optional[Mapping[str, Any]] = None, *, verdict: bool = True,
                estimate: bool = False, **names: Any) -> Any:
        """Predicts, and returns an xarray.Dataset as `pdemoe predict` writes it; without xarray a dict of arrays.

        inputs: an xarray.Dataset with a variable for each input; its other dimensions, whatever their names, are those
        of samples, and its coordinates along dimensions of the fields are those to answer on. Units are converted
        where both sides have some. Or a mapping of names, or an array [n][n_input]; or inputs by name, as keywords.
        output: coordinates to answer on, by dimension, before those of the inputs. verdict: what answers are worth,
        too; estimate: and their errors, which takes as long as a classical solve.
        """
        return self._answer(inputs, output, names, verdict, estimate, 0.0)

    def polish(self, inputs: Any = None, output: Optional[Mapping[str, Any]] = None, *, tolerance: float = 1e-6,
               verdict: bool = True, **names: Any) -> Any:
        """The same with all coefficients free, to a tolerance: a classical solve, with an estimate of its error."""
        tolerance = real_of(tolerance, "tolerance")
        if tolerance == 0.0:
            raise ArgumentError("tolerance is 0; a number above expected")
        return self._answer(inputs, output, names, verdict, False, tolerance)

    def evaluate(self, reference: Any = None, *, polish: float = 0.0) -> Report:
        """Predicts for the inputs of a reference, and compares with its fields: relative L2 errors, as numbers "error",
        "error.FIELD" and "error.worst". reference: an xarray.Dataset, a NetCDF file, or None: inputs drawn anew,
        against the exact solutions of the case. polish: 0, or the tolerance of a polish."""
        if is_dataset(reference):
            return self._evaluate_dataset(reference, polish)
        listener, name = Listener(), None if reference is None else path_of(reference, "reference")
        tolerance = real_of(polish, "polish")
        with self._call() as model:
            if name is None:
                status = lib.pdm_model_evaluate_exact(model, tolerance, listener.sink, None)
            else:
                status = lib.pdm_model_evaluate_file(model, name, None, tolerance, listener.sink, None)
            self._context.check(status)
            for number in ["error", "error.worst"] + ["error." + field for field in self._fields]:
                listener.numbers[number] = lib.pdm_model_value(model, number.encode())
        return listener.report()

    def predict_file(self, inputs: Path, output: Path, *, polish: float = 0.0) -> None:
        """From a NetCDF file to another, which may hold more than memory does."""
        names = path_of(inputs, "inputs"), path_of(output, "output")
        tolerance = real_of(polish, "polish")
        with self._call() as model:
            self._context.check(lib.pdm_model_predict_file(model, *names, tolerance))

    def explain(self, sample: int) -> str:
        """Why an answer of the last prediction is doubtful or wrong, and what to do; "" of others."""
        listener = Listener()
        with self._call() as model:
            self._context.check(lib.pdm_model_explain_verdict(model, count_of(sample, "sample", 64), listener.sink,
                                                              None))
        return listener.report().rstrip("\n")

    def _answer(self, inputs: Any, output: Optional[Mapping[str, Any]], names: Mapping[str, Any], verdict: bool,
                estimate: bool, polish: float) -> Any:
        samples = take(self, inputs, names)
        with self._call() as model:
            wanted = {**samples.output, **output_of(self, output)}
            with self._wishes(model, verdict, estimate, polish):
                answer = self._solve(model, samples, wanted, None)
                if verdict or estimate:
                    answer.take_verdicts(model, self._context.check, estimate or polish > 0.0)
            return result_of(answer, int(lib.pdm_model_step(model)), polish)

    @contextmanager
    def _wishes(self, model: c_void_p, verdict: bool, estimate: bool, polish: float) -> Iterator[None]:
        """What pdm_model_predict is to do beside the fields, for one call."""
        self._context.check(lib.pdm_model_set_polish(model, polish))
        lib.pdm_model_set_verdict(model, verdict or estimate)
        lib.pdm_model_set_estimate(model, estimate)
        try:
            yield
        finally:
            lib.pdm_model_set_polish(model, 0.0)
            lib.pdm_model_set_estimate(model, 0)

    def _solve(self, model: c_void_p, samples: Samples, wanted: Mapping[str, Any], out: Any) -> Answer:
        """The library's call, in the lock of the model."""
        self._set_output(model, wanted)
        n = len(samples.rows)
        shape = (n,) + self._answer_shape()
        u, reason = _place_for(out, samples, shape), np.empty(n, dtype=np.int32)
        self._context.check(lib.pdm_model_predict(model, n, samples.rows.ctypes.data, u.ctypes.data,
                                                  reason.ctypes.data))
        answer = Answer(self, samples, dict(self._on), u, reason)
        answer.clear_missing()
        return answer

    def _answer_shape(self) -> Tuple[int, ...]:
        """Of one sample, on the coordinates that are set: [n_field][points ...]."""
        return (self.n_field,) + tuple(len(axis.coordinate) for axis in self._on.values())

    def _set_output(self, model: c_void_p, wanted: Mapping[str, Any]) -> None:
        """Coordinates that are wanted, and the model's own along other dimensions."""
        for name, own in self._output.items():
            points = np.ascontiguousarray(wanted.get(name, own.coordinate), dtype=np.float64)
            if np.array_equal(points, self._on[name].coordinate):
                continue
            self._context.check(lib.pdm_model_set_output(model, name.encode(), points.size, points.ctypes.data))
            self._on[name] = own._replace(coordinate=points.copy())

    def _evaluate_dataset(self, reference: Any, polish: float) -> Report:
        if polish:
            result = self.polish(reference, tolerance=polish)
        else:
            result = self.predict(reference, verdict=False)
        return errors_of(self, result, reference)

    def _conversion(self, units: str, wanted: str) -> Tuple[float, float]:
        key = units, wanted
        if key not in self._converted:
            with self._context.call() as context:
                self._converted[key] = conversion(context, self._context.check, units, wanted)
        return self._converted[key]

    def _bring(self, about: Input, grid: Any, values: Any) -> Any:
        """A field on coordinates of its own to the points of the model: [n][points]."""
        n_own = len(grid)
        n_sample = int(np.prod(values.shape[:values.ndim - n_own], dtype=np.int64))
        if values.shape[values.ndim - n_own:] == about.shape and all(
                np.array_equal(x, axis.coordinate) for x, axis in zip(grid, about.axes)):
            return values.reshape((n_sample, about.n))
        out = np.empty((n_sample, about.n))
        sizes = (ctypes.c_int64 * n_own)(*(len(x) for x in grid))
        points = (c_void_p * n_own)(*(x.ctypes.data for x in grid))
        with self._call() as model:
            self._context.check(lib.pdm_model_bring_input(model, list(self._inputs).index(about.name), n_sample, sizes,
                                                          points, values.ctypes.data, out.ctypes.data))
        return out

    def __repr__(self) -> str:
        if self.closed:
            return "<pdemoe.Model, closed>"
        return "<pdemoe.Model: (%s) -> %s(%s), %d steps>" % (
            ", ".join(self._inputs), ", ".join(self._fields), ", ".join(self._output), self.step)


def _title_of(model: c_void_p, check: Callable[[int], None]) -> str:
    """The title of its case, or "" of one without."""
    case, value = c_void_p(), ctypes.c_char_p()
    check(lib.pdm_model_case(model, byref(case)))
    try:
        return text_of(value.value) if lib.pdm_case_get_text(case, b"", b"title", byref(value)) == 0 else ""
    finally:
        lib.pdm_case_destroy(byref(case))


def _broadcast(values: Any, shape: Tuple[int, ...]) -> Any:
    """Values as a contiguous array of the shape."""
    try:
        return np.ascontiguousarray(np.broadcast_to(values, shape))
    except ValueError:
        raise ArgumentError("g has the shape %s; %s, or one that broadcasts to it, expected"
                            % (values.shape, shape)) from None


def _place_for(out: Any, samples: Samples, shape: Tuple[int, ...]) -> Any:
    """An array for the fields of all samples: the caller's, or a new one."""
    if out is None:
        return np.empty(shape)
    wanted = samples.shape + shape[1:]
    if not (isinstance(out, np.ndarray) and out.dtype == np.float64 and out.flags.c_contiguous and out.flags.writeable
            and out.shape == wanted):
        raise ArgumentError("out is not an array of float64, C-contiguous and writeable, of shape %s" % (wanted,))
    return out.reshape(shape)


class _Watch:
    """What happens beside a training: progress, and the wishes to stop it."""

    def __init__(self, model: Model, progress: ProgressLike) -> None:
        self._model = model
        if progress is True:
            progress = Progress()
        if progress is not None and progress is not False and not callable(progress):
            raise ArgumentError("progress is %r; True, None or a function of the model expected" % (progress,))
        self._progress = progress or None
        self._interrupted = False
        self._error: Optional[BaseException] = None
        self.stopped = False
        self.function = PROGRESS(self._after_step)

    def _after_step(self, _user: Optional[int], _model: Optional[int]) -> int:
        try:
            if self._progress and self._progress(self._model):
                self.stopped = True
        except BaseException as error:  # pylint: disable=broad-except
            self._error = error
        self.stopped = self.stopped or self._interrupted or self._error is not None
        return int(self.stopped)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Ctrl-C asks to stop, where it would raise KeyboardInterrupt. A host's own handler stays."""
        if (threading.current_thread() is not threading.main_thread()
                or signal.getsignal(signal.SIGINT) is not signal.default_int_handler):
            yield
            return
        signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupt(self, *_: Any) -> None:
        self._interrupted = True

    def end(self) -> None:
        """Raises what stopped the training."""
        if self._error is not None:
            raise self._error
        if self._interrupted:
            raise KeyboardInterrupt
