"""How training goes: one line that is written anew, in a terminal or a notebook; a line now and then in a file."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Optional, TextIO

if TYPE_CHECKING:
    from .model import Model

__all__ = ["Progress"]


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


class Progress:
    """Shows step, loss and time left of a training; called by it after every step.

    file: where to; None is sys.stderr. seconds: how often at most; None is 0.1 for a line that is written anew, and 10
    for lines of a file.
    """

    def __init__(self, file: Optional[TextIO] = None, seconds: Optional[float] = None) -> None:
        self._file = file if file is not None else sys.stderr
        self._notebook: Any = None
        self._wants_notebook = file is None and _is_notebook()
        self._rewrites = self._wants_notebook or bool(getattr(self._file, "isatty", lambda: False)())
        self._seconds = seconds if seconds is not None else 0.1 if self._rewrites else 10.0
        self._start = self._shown = time.monotonic()
        self._first: Optional[int] = None
        self._width = 0

    def __call__(self, model: "Model") -> None:
        now, step, steps = time.monotonic(), model.step, model.steps
        if self._first is None:
            self._first = step - 1
        if now - self._shown < self._seconds and step < steps:
            return
        self._shown = now
        self._show(self._text(model, now, step, steps), step >= steps)

    def _text(self, model: "Model", now: float, step: int, steps: int) -> str:
        done = step - (self._first or 0)
        left = (now - self._start) / done * (steps - step) if done > 0 else float("nan")
        return "step %d of %d  loss %.3e  failed %.0f  %.0f s left" % (
            step, steps, model.value("loss"), model.value("failed"), left)

    def _show(self, text: str, is_last: bool) -> None:
        if self._wants_notebook:
            self._show_in_notebook(text)
        elif self._rewrites:
            self._file.write("\r" + text.ljust(self._width) + ("\n" if is_last else ""))
            self._width = len(text)
        else:
            self._file.write(text + "\n")
        self._file.flush()

    def _show_in_notebook(self, text: str) -> None:
        if self._notebook is None:
            display = import_module("IPython.display").display  # there: _is_notebook() has seen it
            self._notebook = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._notebook.update({"text/plain": text}, raw=True)
