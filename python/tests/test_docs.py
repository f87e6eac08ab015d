"""docs/python.md does what it says: its blocks run, one after the other, in one program."""

import os
import re
import tempfile
import unittest
from pathlib import Path

from tests.test_predict import xarray

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "parameter_study.py"


class Pages(unittest.TestCase):
    def setUp(self) -> None:
        if not PAGE.exists():
            self.skipTest("there is no docs/python.md beside this package")
        self.addCleanup(os.chdir, os.getcwd())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chdir(folder.name)

    @unittest.skipIf(xarray is None, "there is no xarray")
    def test_blocks_run(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 5)
        self.assertEqual(text.count("```python"), len(blocks))
        names: dict = {"__name__": "page"}
        for number, block in enumerate(blocks):
            with self.subTest(block=number):
                exec(compile(block, "block %d of docs/python.md" % number, "exec"), names)  # pylint: disable=exec-used

    @unittest.skipIf(xarray is None, "there is no xarray")
    def test_the_example_runs(self) -> None:
        names: dict = {"__name__": "example"}
        exec(compile(EXAMPLE.read_text(encoding="utf-8"), str(EXAMPLE), "exec"), names)  # pylint: disable=exec-used
        names["main"](["--steps", "3", "--samples", "20", "study.nc"])
        self.assertTrue(os.path.exists("study.nc"))
