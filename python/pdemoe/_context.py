"""Contexts: one for each family of objects (a case and what is made of it), with a lock around every call."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import weakref
from collections import deque
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_double, c_int64, c_void_p
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np

from ._library import LOG_FUNCTION, NUMBER, SINK, lib, text_of
from .errors import ArgumentError, ClosedError, error_of

Path = Union[str, "os.PathLike[str]"]

_logger = logging.getLogger("pdemoe")
_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)  # of pdm_log_level


def _take_log(_user: Optional[int], level: int, topic: bytes, text: bytes) -> None:
    _logger.log(_LEVELS[level], "%s: %s", text_of(topic), text_of(text))


_log = LOG_FUNCTION(_take_log)


class Context:
    """A pdm_context. It goes with the last object that was made with it.

    A call holds the lock to its end, so that calls from several threads come one after the other. Inside a callback of
    a call no other may begin. What the garbage collector finds while a call is on its way is destroyed after it.
    """

    def __init__(self, threads: Optional[int], backend: Optional[str], memory: Optional[int]) -> None:
        self._handle = c_void_p()
        status = lib.pdm_context_create(None, byref(self._handle))
        if status:
            raise error_of(status, None, text_of(lib.pdm_status_text(status)))
        self._lock = threading.RLock()
        self._depth = 0
        self._n_object = 0
        self._dead: Deque[Tuple[Callable[..., None], Optional[int]]] = deque()
        level = sum(_logger.isEnabledFor(level) for level in _LEVELS) - 1
        if level >= 0:
            lib.pdm_context_set_log(self._handle, _log, None, level)
        try:
            if threads is not None:
                self.check(lib.pdm_context_set_threads(self._handle, count_of(threads, "threads")))
            if backend is not None:
                self.check(lib.pdm_context_set_backend(self._handle, encoded(backend, "backend")))
            if memory is not None:
                self.check(lib.pdm_context_set_memory(self._handle, count_of(memory, "memory", 64)))
        except BaseException:
            lib.pdm_context_destroy(byref(self._handle))
            raise

    def check(self, status: int) -> None:
        """Raises what a call has returned, with the library's text."""
        if status:
            text = text_of(lib.pdm_context_error(self._handle))
            raise error_of(status, text, text_of(lib.pdm_status_text(status)))

    @contextmanager
    def call(self) -> Iterator[c_void_p]:
        """Holds the context for calls that may change what it has."""
        with self._lock:
            if self._depth:
                raise ClosedError("a call on this case or model is under way: none may begin in its callback")
            self._depth += 1
            try:
                yield self._handle
            finally:
                self._depth -= 1
                if self._dead:
                    self._bury()

    @contextmanager
    def look(self) -> Iterator[c_void_p]:
        """Holds it for calls that change nothing, which a callback may make too."""
        with self._lock:
            yield self._handle

    def memory(self) -> Tuple[int, int, int]:
        """Bytes held now, the most so far, and allocations so far."""
        numbers = (c_int64(), c_int64(), c_int64())
        with self.look() as handle:
            lib.pdm_context_memory(handle, *(byref(number) for number in numbers))
        return numbers[0].value, numbers[1].value, numbers[2].value

    # ---- the objects of the family ----

    def adopt(self, owner: Any, handle: c_void_p, destroy: Callable[..., None]) -> "weakref.finalize[Any, Any]":
        """What destroys the handle, once: when it is called, with its owner, or at exit."""
        with self._lock:
            self._n_object += 1
        return weakref.finalize(owner, self._discard, destroy, handle.value)

    def give_up(self) -> None:
        """Where the first object of a family could not be made."""
        with self._lock:
            if self._n_object == 0:
                lib.pdm_context_destroy(byref(self._handle))

    def _discard(self, destroy: Callable[..., None], handle: Optional[int]) -> None:
        self._dead.append((destroy, handle))
        self._bury()

    def _bury(self) -> None:
        """Destroys what is dead, unless a call is on its way, which does so at its end."""
        while self._dead and self._lock.acquire(blocking=False):
            try:
                if self._depth or not self._dead:
                    return
                destroy, handle = self._dead.popleft()
                destroy(byref(c_void_p(handle)))
                self._n_object -= 1
                if self._n_object == 0:
                    lib.pdm_context_destroy(byref(self._handle))
            finally:
                self._lock.release()


class Owner:
    """An object that owns a handle: a context manager, closed by close(), with its last reference, or at exit."""

    _context: Context
    _destroy: Callable[..., None]

    def _own(self, context: Context, handle: c_void_p) -> None:
        self._context = context
        self._handle: Optional[c_void_p] = handle
        self._finalizer = context.adopt(self, handle, type(self)._destroy)

    def _opened(self) -> c_void_p:
        if self._handle is None:
            raise ClosedError("this %s is closed" % type(self).__name__)
        return self._handle

    @contextmanager
    def _call(self) -> Iterator[c_void_p]:
        with self._context.call():
            yield self._opened()

    @contextmanager
    def _look(self) -> Iterator[c_void_p]:
        with self._context.look():
            yield self._opened()

    @property
    def closed(self) -> bool:
        """Is nothing left of it?"""
        return self._handle is None

    def close(self) -> None:
        """Gives back what the object holds; once is enough, twice is fine. Waits for a call in another thread."""
        with self._context.call():
            self._handle = None
        self._finalizer()

    def __enter__(self) -> Any:
        self._opened()
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


# ---- arguments ----


def encoded(text: str, what: str) -> bytes:
    """Text for the library; one with a zero byte would end there."""
    if not isinstance(text, str):
        raise ArgumentError("%s is a %s; a text expected" % (what, type(text).__name__))
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ArgumentError("%s has a zero byte" % what)
    return data


def path_of(path: Path, what: str) -> bytes:
    """A path for the library."""
    try:
        data = os.fsencode(path)
    except TypeError:
        raise ArgumentError("%s is a %s; a path expected" % (what, type(path).__name__)) from None
    if b"\0" in data:
        raise ArgumentError("%s has a zero byte" % what)
    return data


def count_of(number: int, what: str, bits: int = 32) -> int:
    """A whole number for the library, which says what it thinks of one below zero."""
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise ArgumentError("%s is %r; a whole number expected" % (what, number))
    value = number.__index__()
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ArgumentError("%s is %d; a number of %d bits expected" % (what, value, bits))
    return value


def real_of(number: float, what: str) -> float:
    """A number for the library."""
    try:
        return float(number)
    except (TypeError, ValueError):
        raise ArgumentError("%s is %r; a number expected" % (what, number)) from None


def numbers_of(values: Any, what: str) -> "np.ndarray[Any, Any]":
    """Real numbers as a C-contiguous array of float64, which is `values` itself where it is one already."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ArgumentError("%s: %s" % (what, error)) from None
    if array.dtype.kind not in "fiu":
        raise ArgumentError("%s has values of type %s; real numbers expected" % (what, array.dtype))
    return np.asarray(array, dtype=np.float64, order="C")


# ---- what calls hand back ----


class Report(str):
    """Text of the library, and in `numbers` what it is made of, by name."""

    numbers: Dict[str, float]

    def __new__(cls, text: str, numbers: Optional[Dict[str, float]] = None) -> "Report":
        report = super().__new__(cls, text)
        report.numbers = numbers or {}
        return report


class Listener:
    """Takes in text and numbers. An exception in a callback cannot pass through C: it is kept, and raised at the
    end."""

    def __init__(self) -> None:
        self.text: List[str] = []
        self.numbers: Dict[str, float] = {}
        self.error: Optional[BaseException] = None
        self.sink = SINK(self._take_text)
        self.number = NUMBER(self._take_number)

    def _take_text(self, _user: Optional[int], text: bytes) -> None:
        try:
            self.text.append(text_of(text))
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def _take_number(self, _user: Optional[int], name: bytes, value: float) -> None:
        try:
            self.numbers[text_of(name)] = value
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def report(self) -> Report:
        """All of it, with a line feed between pieces that have none."""
        if self.error is not None:
            raise self.error
        return Report("".join(piece if piece.endswith("\n") else piece + "\n" for piece in self.text), self.numbers)


def conversion(context: c_void_p, check: Callable[[int], None], units: str, wanted: str) -> Tuple[float, float]:
    """Factor and offset from one unit to another; 1 and 0 where either is not given."""
    if not units or not wanted or units == wanted:
        return 1.0, 0.0
    factor, offset = c_double(), c_double()
    check(lib.pdm_units_conversion(context, encoded(units, "units"), encoded(wanted, "units"), byref(factor),
                                   byref(offset)))
    return factor.value, offset.value


def text_array(words: "List[str] | Tuple[str, ...]", what: str) -> "ctypes.Array[c_char_p]":
    """Names for the library."""
    return (c_char_p * len(words))(*(encoded(word, what) for word in words))
