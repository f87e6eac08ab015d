"""Parameters from data: the decay of a half sine between cold walls, whose rate is pi^2 D."""

from __future__ import annotations

import unittest
import warnings

import numpy as np

import pdemoe
from tests.support import heat, path

try:
    import xarray
except ImportError:
    xarray = None

TRUTH = {"a": 1.2, "D": 0.13}
NOISE = 0.01


def readings() -> "xarray.Dataset":
    t, x = np.linspace(0.1, 1.0, 6), np.linspace(0.1, 0.9, 5)
    field = TRUTH["a"] * np.exp(-TRUTH["D"] * np.pi**2 * t[:, None]) * np.sin(np.pi * x)
    field += NOISE * np.random.default_rng(7).standard_normal(field.shape)
    return xarray.Dataset({"u": (("t", "x"), field, {"units": "K"})},
                          {"t": ("t", t, {"units": "s"}), "x": ("x", x, {"units": "m"})})


@unittest.skipIf(xarray is None, "xarray is not there")
class Fit(unittest.TestCase):
    def test_finds_what_made_the_data(self) -> None:
        with heat() as case:
            report = case.fit(readings(), path("fit.nc"), ["a", "D"], noise=NOISE, start={"D": 0.2},
                              bounds={"D": (0.01, None)})
        for name, value in TRUTH.items():
            error = report.numbers["error." + name]
            self.assertLess(abs(report.numbers["value." + name] - value), 4.0 * error)
            self.assertLess(error, 0.02 * value)
        self.assertEqual(report.numbers["converged"], 1.0)
        self.assertIn("chi2", report)
        with xarray.open_dataset(path("fit.nc")) as found:
            self.assertEqual(found["fit_covariance"].shape[-2:], (2, 2))

    def test_a_search_that_stops_early_is_told(self) -> None:
        with heat() as case, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            report = case.fit(readings(), path("short.nc"), "D, a", noise={"u": NOISE}, max_iter=1, max_unknowns=1)
        self.assertEqual(report.numbers["converged"], 0.0)
        self.assertTrue(any("did not converge" in str(one.message) for one in told))

    def test_misuse_is_told(self) -> None:
        with heat() as case:
            for wrong in ({"parameters": "nothing"}, {"parameters": "D", "bounds": {"D": 3}},
                          {"parameters": "D", "noise": "loud"}, {"parameters": "D", "noise": -1.0}):
                with self.assertRaises(pdemoe.PdemoeError):
                    case.fit(readings(), path("wrong.nc"), **wrong)


if __name__ == "__main__":
    unittest.main()
