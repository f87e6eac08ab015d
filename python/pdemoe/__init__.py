"""pdemoe: neural PDE solvers whose answer obeys the PDE.

    import pdemoe
    model = pdemoe.Case("decay.cdl").train("decay.nc")
    fields = model.predict(u0=[0.05, 0.1], k=[1.5, 1.0])

Names are those of the C library, whose header says more. Warnings of the library go to the logger "pdemoe".
"""

from __future__ import annotations

from . import errors
from ._context import Report
from ._library import lib as _lib
from ._library import text_of as _text_of
from .case import Case
from .errors import *  # noqa: F401,F403 pylint: disable=wildcard-import
from .labels import Axis, Field, Input
from .model import Model
from .progress import Progress

__version__ = _text_of(_lib.pdm_version())


def build_info() -> str:
    """Compiler, commit and parts of the library, in several lines."""
    return _text_of(_lib.pdm_build_info())


__all__ = ["Axis", "Case", "Field", "Input", "Model", "Progress", "Report", "build_info", *errors.__all__]
