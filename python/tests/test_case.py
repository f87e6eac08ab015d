"""Cases: attributes, arrays, text, errors."""

import os
import unittest

import numpy as np

import pdemoe
from tests import support


class Attributes(unittest.TestCase):
    def test_text_and_numbers_are_kept(self) -> None:
        with pdemoe.Case() as case:
            case["pde:fields"] = "u"
            case["solver:tolerance"] = 1e-300
            case["domain.x:extent"] = np.array([0, 2])
            case[":title"] = "a case"
            self.assertEqual(case["pde:fields"], "u")
            self.assertEqual(float(case["solver:tolerance"]), 1e-300)
            self.assertEqual([float(x) for x in case["domain/x:extent"].replace(",", " ").split()], [0.0, 2.0])
            self.assertIn(":title", case)
            self.assertNotIn("pde:residuals", case)
            with self.assertRaises(KeyError):
                case["nothing:here"]

    def test_what_is_asked_is_not_what_is_said(self) -> None:
        with support.heat() as case:
            self.assertNotIn("solver:tolerence", case)
            case["solver:tolerence"] = 1e-3
            with self.assertRaisesRegex(pdemoe.CaseError, "tolerence"):
                case.check()

    def test_wrong_values_are_refused(self) -> None:
        with pdemoe.Case() as case:
            for key, value in (("no colon", 1.0), ("a:", 1.0), ("a:b", object()), ("a:b", [1.0, float("nan")]),
                               ("a:b", [[1.0]]), ("a:b", []), ("a:b", True), ("a:b", 1j), ("a:b\0", 1.0),
                               ("a:b", "c\0"), (3, 1.0), ("a:b", (("x", "y"), [1.0])), ("a:b", ["1", "2"]),
                               ("a:b", None), ("a:b", [[1.0], [1.0, 2.0]])):
                with self.subTest(key=key, value=value), self.assertRaises(pdemoe.ArgumentError):
                    case[key] = value
            with self.assertRaises(pdemoe.CaseError):
                case["1:2"] = "3"

    def test_arrays(self) -> None:
        with support.heat() as case:
            for value in ((("sample",), np.linspace(0.5, 1.5, 5, dtype=np.float32)), ("sample", [1.0, 2.0])):
                case["inputs.a:samples"] = value
            with self.assertRaisesRegex(pdemoe.CaseError, '"a" has samples and a distribution'):
                case.check()

    def test_from_text(self) -> None:
        try:
            case = pdemoe.Case.from_text('netcdf a { group: pde { :fields = "u v" ; } }')
        except pdemoe.UnsupportedError as error:  # no ncgen
            self.skipTest(str(error))
        self.assertEqual(case["pde:fields"], "u v")
        case.close()


class Words(unittest.TestCase):
    def test_check_says_what_is_solved(self) -> None:
        with support.heat() as case:
            text = case.check()
        self.assertIsInstance(text, str)
        self.assertIn("equation     u:", text)

    def test_errors_have_the_text_of_the_library(self) -> None:
        with support.heat() as case:
            case["pde.residuals:u"] = "dt(u) - dx(D*dx(w))"
            with self.assertRaises(pdemoe.CaseError) as caught:
                case.model()
        self.assertIn("w", str(caught.exception))
        self.assertEqual((caught.exception.status, caught.exception.name), (4, "PDM_ERR_CASE"))
        self.assertIsInstance(caught.exception, ValueError)

    def test_files(self) -> None:
        with self.assertRaises(pdemoe.FileError) as caught:
            pdemoe.Case(support.path("nowhere.nc"))
        self.assertIsInstance(caught.exception, OSError)
        self.assertIn("nowhere.nc", str(caught.exception))
        for wrong in (3, b"\0", "a\0b", object()):
            with self.subTest(path=wrong), self.assertRaises(pdemoe.ArgumentError):
                pdemoe.Case(wrong)  # type: ignore[arg-type]
        with self.assertRaises(pdemoe.ModelError):
            pdemoe.Case(support.heat_file())

    def test_settings_of_the_context(self) -> None:
        for settings in ({"threads": -1}, {"threads": 1.5}, {"threads": True}, {"threads": 2**40}, {"memory": -1},
                         {"backend": 3}, {"backend": "x" * 200}):
            with self.subTest(settings=settings), self.assertRaises(pdemoe.ArgumentError):
                pdemoe.Case(**settings)
        case = support.heat()
        with pdemoe.Case(memory=1000) as tight, self.assertRaises(MemoryError):
            for i in range(1000):
                tight["pde.parameters:p%d" % i] = 1.0
        with pdemoe.Case(backend="no such thing") as other, self.assertRaises(pdemoe.PdemoeError):
            other.model()
        case.close()

    def test_reference(self) -> None:
        with support.heat(training__batch=1) as case:
            report = case.reference(support.path("reference.nc"), n_sample=1, method="polish", tolerance=1e-2)
            self.assertIn("converged", report.numbers)
            self.assertTrue(os.path.exists(support.path("reference.nc")))
            with self.assertRaises(pdemoe.ArgumentError):
                case.reference(support.path("not.nc"), tolerance=-1.0)
            with self.assertRaises(pdemoe.ArgumentError):
                case.reference(support.path("not.nc"), method="magic")
            self.assertIn("u", case.check(against=support.path("reference.nc")))
