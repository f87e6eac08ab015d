"""Progress, as a terminal, a file and a notebook have it."""

import io
import sys
import types
import unittest
from unittest import mock

import pdemoe


class Terminal(io.StringIO):
    """A text that is one."""

    def isatty(self) -> bool:
        return True


class FakeModel:
    """As much of a model as progress looks at."""

    def __init__(self) -> None:
        self.step, self.steps = 0, 3

    def value(self, name: str) -> float:
        return {"loss": 0.125, "failed": 0.0}[name]


def run(progress: pdemoe.Progress) -> None:
    model = FakeModel()
    while model.step < model.steps:
        model.step += 1
        progress(model)  # type: ignore[arg-type]


class Shown(unittest.TestCase):
    def test_a_terminal_has_one_line(self) -> None:
        file = Terminal()
        run(pdemoe.Progress(file, seconds=0.0))
        self.assertEqual(file.getvalue().count("\r"), 3)
        self.assertEqual(file.getvalue().count("\n"), 1)
        self.assertTrue(file.getvalue().startswith("\rstep 1 of 3  loss 1.250e-01  failed 0"))

    def test_a_file_has_lines_now_and_then(self) -> None:
        file = io.StringIO()
        run(pdemoe.Progress(file))
        self.assertEqual(file.getvalue(), "step 3 of 3  loss 1.250e-01  failed 0  0 s left\n")

    def test_a_notebook_has_one_display(self) -> None:
        shell = type("ZMQInteractiveShell", (), {})()
        handle = mock.Mock()
        display = mock.Mock(return_value=handle)
        modules = {"IPython": types.SimpleNamespace(get_ipython=lambda: shell),
                   "IPython.display": types.SimpleNamespace(display=display)}
        with mock.patch.dict(sys.modules, modules):  # type: ignore[arg-type]
            run(pdemoe.Progress(seconds=0.0))
        self.assertEqual((display.call_count, handle.update.call_count), (1, 2))
        self.assertIn("step 3 of 3", handle.update.call_args[0][0]["text/plain"])


if __name__ == "__main__":
    unittest.main()
