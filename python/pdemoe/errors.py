"""What can go wrong: one class for each pdm_status, with the library's own words as text."""

from __future__ import annotations

from typing import Optional

__all__ = [
    "PdemoeError", "ArgumentError", "ClosedError", "OutOfMemoryError", "FileError", "CaseError", "DataError",
    "ModelError", "NumericError", "UnsupportedError", "InterruptedTraining", "InternalError",
]


class PdemoeError(Exception):
    """Base of all errors of pdemoe. `status` is the pdm_status, `name` its name in C."""

    status: int = 10
    name: str = "PDM_ERR_INTERNAL"


class ArgumentError(PdemoeError, ValueError):
    """An argument of a call is outside its range."""

    status, name = 1, "PDM_ERR_ARGUMENT"


class ClosedError(ArgumentError):
    """The object was closed, or is at work: it is used in a callback of its own call."""


class OutOfMemoryError(PdemoeError, MemoryError):
    """Memory could not be had, or a limit was reached."""

    status, name = 2, "PDM_ERR_MEMORY"


class FileError(PdemoeError, OSError):
    """A file could not be read or written."""

    status, name = 3, "PDM_ERR_IO"


class CaseError(PdemoeError, ValueError):
    """The case says something that is not possible; the text names group and attribute."""

    status, name = 4, "PDM_ERR_CASE"


class DataError(PdemoeError, ValueError):
    """Input data are missing, not finite, or of the wrong shape or units."""

    status, name = 5, "PDM_ERR_DATA"


class ModelError(PdemoeError, ValueError):
    """A model file is damaged, or of another case or version."""

    status, name = 6, "PDM_ERR_MODEL"


class NumericError(PdemoeError, ArithmeticError):
    """A computation gave NaN or infinity."""

    status, name = 7, "PDM_ERR_NUMERIC"


class UnsupportedError(PdemoeError, NotImplementedError):
    """This build or this machine cannot do it."""

    status, name = 8, "PDM_ERR_UNSUPPORTED"


class InterruptedTraining(PdemoeError):
    """Stopped on request; what was done is saved."""

    status, name = 9, "PDM_ERR_INTERRUPTED"


class InternalError(PdemoeError):
    """A mistake in pdemoe itself."""


_BY_STATUS = {
    kind.status: kind
    for kind in (ArgumentError, OutOfMemoryError, FileError, CaseError, DataError, ModelError, NumericError,
                 UnsupportedError, InterruptedTraining, InternalError)
}


def error_of(status: int, text: Optional[str], meaning: str) -> PdemoeError:
    """The exception for a status; `meaning` where the library has no text of its own."""
    return _BY_STATUS.get(status, InternalError)(text or meaning)
