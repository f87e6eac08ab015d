"""Predictions: what goes in and out, and what is refused."""

import math
import time
import unittest

import numpy as np

import pdemoe
from tests import support

try:
    import xarray
except ImportError:
    xarray = None


class Plain(unittest.TestCase):
    """Without labels."""

    def setUp(self) -> None:
        self.model = pdemoe.Model(support.heat_file(), threads=1)
        self.addCleanup(self.model.close)

    def test_labels(self) -> None:
        a, d = self.model.inputs.values()
        self.assertEqual((a.name, a.units, a.long_name, a.axes, a.n), ("a", "K", "amplitude", (), 1))
        self.assertEqual((a.low, a.high, d.low, d.high), (0.5, 1.5, 0.1, 0.2))
        self.assertEqual(list(self.model.fields), ["u"])
        self.assertEqual(self.model.fields["u"].units, "K")
        t, x = self.model.output.values()
        self.assertEqual((t.name, t.units, x.units), ("t", "s", "m"))
        self.assertEqual((x.coordinate[0], x.coordinate[-1], len(x.coordinate)), (0.0, 1.0, 41))
        self.assertEqual(self.model.n_input, 2)
        self.assertIn("(a, D) -> u(t, x)", repr(self.model))

    def test_shapes(self) -> None:
        one = self.model([1.0, 0.1])
        self.assertEqual(one.shape, (1, 33, 41))
        many = self.model([[1.0, 0.1], [0.5, 0.2], [1.0, 0.1]])
        self.assertEqual(many.shape, (3, 1, 33, 41))
        np.testing.assert_allclose(many[0], one, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(self.model(a=[1.0, 0.5, 1.0], D=[0.1, 0.2, 0.1]), many)
        self.assertEqual(self.model(a=1.0, D=[0.1, 0.2]).shape, (2, 1, 33, 41))
        self.assertEqual(self.model(np.empty((0, 2))).shape, (0, 1, 33, 41))
        self.assertEqual(self.model([1.0, 0.1], output={"t": [0.5, 1.0], "x": 0.25}).shape, (1, 2, 1))
        np.testing.assert_array_equal(self.model([1.0, 0.1]), one)

    def test_the_equation_is_met(self) -> None:
        u = self.model([1.0, 0.1], output={"t": [0.5], "x": [0.5]})
        self.assertAlmostEqual(u.item(), math.exp(-0.1 * math.pi**2 * 0.5), delta=0.05)

    def test_gradient(self) -> None:
        points = {"t": [0.5, 1.0], "x": [0.25, 0.5, 0.75]}
        x, g = np.array([[1.0, 0.12], [0.7, 0.15]]), np.array([[1.0, 2.0, -1.0], [0.0, 0.5, 1.0]])
        slopes = self.model.gradient(x, g, output=points)
        self.assertEqual(slopes.shape, (2, 2))
        for k, h in enumerate((0.02, 0.002)):
            step = h * np.eye(2)[k]
            change = self.model(x + step, output=points)[:, 0] - self.model(x - step, output=points)[:, 0]
            np.testing.assert_allclose(slopes[:, k], (g * change).sum((1, 2)) / (2 * h), rtol=2e-3)
        one = self.model.gradient(g, a=1.0, D=0.12, output=points)
        np.testing.assert_allclose(one, self.model.gradient(x[0], g, output=points))
        self.assertEqual(self.model.gradient(x, 1.0).shape, (2, 2))
        for wrong in (None, [1.0, 2.0], "text"):
            with self.assertRaises(pdemoe.ArgumentError):
                self.model.gradient(x, wrong, output=points)
        with self.assertRaises(pdemoe.DataError):
            self.model.gradient(x, math.nan)
        with self.assertRaisesRegex(pdemoe.ModelError, "slab after slab"):
            self.model.gradient(x, 1.0, polish=1e-6)
        self.assertEqual(self.model.gradient(x[0], 1.0).shape, (2,))

    def test_out_is_written_in_place(self) -> None:
        x = np.array([[1.0, 0.1]])
        out = np.full((1, 1, 33, 41), 7.0)
        self.assertTrue(np.shares_memory(self.model(x, out=out), out))
        np.testing.assert_array_equal(out, self.model(x))
        for wrong in (np.empty((1, 33, 41)), np.empty((1, 1, 33, 41), np.float32), out[..., ::-1], [1.0], 3):
            with self.assertRaises(pdemoe.ArgumentError):
                self.model(x, out=wrong)
        frozen = np.empty_like(out)
        frozen.flags.writeable = False
        with self.assertRaises(pdemoe.ArgumentError):
            self.model(x, out=frozen)

    def test_layouts_give_the_same(self) -> None:
        rows = np.array([[1.0, 0.1], [0.5, 0.2], [1.5, 0.15]])
        u = self.model(rows)
        np.testing.assert_array_equal(self.model(np.asfortranarray(rows)), u)
        np.testing.assert_array_equal(self.model(rows[::-1].copy()[::-1]), u)
        self.assertEqual(self.model(rows.astype(np.float32)).shape, u.shape)
        self.assertEqual(self.model([[1, 0]], output={"t": [0.5]}).shape, (1, 1, 1, 41))

    def test_wrong_inputs_are_refused(self) -> None:
        wrong = ([1.0], [1.0, 2.0, 3.0], [[[1.0, 0.1]]], 1.0, "text", ["a", "b"], object(), [[1.0, 0.1], [1.0]],
                 {"a": 1.0, "D": [0.1], "E": 2.0}, {"a": [1.0, 2.0], "D": [0.1, 0.2, 0.3]}, {"a": [[1.0]], "D": 0.1},
                 [1j, 0.1], [True, False])
        for inputs in wrong:
            with self.subTest(inputs=inputs), self.assertRaises(pdemoe.ArgumentError):
                self.model(inputs)
        for inputs in ([float("nan"), 0.1], [[1.0, 0.1], [1.0, float("inf")]], {"a": 1.0},
                       np.ma.masked_invalid([np.nan, 0.1])):
            with self.subTest(inputs=inputs), self.assertRaises(pdemoe.DataError):
                self.model(inputs)
        with self.assertRaisesRegex(pdemoe.DataError, "D of sample 1 is inf"):
            self.model([[1.0, 0.1], [1.0, float("inf")]])
        with self.assertRaises(pdemoe.ArgumentError):
            self.model([1.0, 0.1], a=2.0)
        with self.assertRaises(pdemoe.DataError):
            self.model()

    def test_wrong_coordinates_are_refused(self) -> None:
        before = self.model([1.0, 0.1])
        for output in ({"y": [0.5]}, {"t": [1.0, 0.5]}, {"t": [float("nan")]}, {"t": [[0.5]]}, {"t": []},
                       {"t": ["a"]}):
            with self.subTest(output=output), self.assertRaises(pdemoe.ArgumentError):
                self.model([1.0, 0.1], output=output)
        np.testing.assert_array_equal(self.model([1.0, 0.1]), before)

    def test_values(self) -> None:
        self.model([1.0, 0.1])
        self.assertGreater(self.model.value("seconds"), 0.0)
        self.assertTrue(math.isnan(self.model.value("no such number")))
        with self.assertRaises(pdemoe.ArgumentError):
            self.model.value(3)  # type: ignore[arg-type]

    def test_without_xarray(self) -> None:
        """A dict of the same arrays."""
        from unittest import mock

        with mock.patch("pdemoe._result.xarray", None):
            arrays = self.model.predict(a=[1.0, 0.5], D=0.1, output={"t": [0.5, 1.0]}, estimate=True)
        self.assertEqual(sorted(arrays), sorted(
            ["u", "a", "D", "t", "x", "solver_reason", "verdict", "left_over", "error_estimate"]))
        self.assertEqual(arrays["u"].shape, (2, 2, 41))
        np.testing.assert_array_equal(arrays["u"], self.model(a=[1.0, 0.5], D=0.1, output={"t": [0.5, 1.0]})[:, 0])

    def test_a_call_costs_little(self) -> None:
        """Printed, and by no means a test of time: what Python adds to a call of the library."""
        rows = np.array([[1.0, 0.1]])
        out = np.empty((1, 1, 33, 41))
        self.model(rows, out=out)
        best = {}
        for name, call in (("model(x)", lambda: self.model(rows, out=out)),
                           ("predict(x)", lambda: self.model.predict(rows, verdict=False))):
            added = []
            for _ in range(30):
                start = time.perf_counter()
                call()
                added.append(time.perf_counter() - start - self.model.value("seconds"))
            best[name] = min(added)
        print("\nPython adds " + ", ".join("%.0f us to %s" % (1e6 * s, name) for name, s in best.items()))


@unittest.skipIf(xarray is None, "there is no xarray")
class Labelled(unittest.TestCase):
    """With xarray."""

    def setUp(self) -> None:
        self.model = pdemoe.Model(support.heat_file(), threads=1)
        self.addCleanup(self.model.close)

    def test_labels_of_a_result(self) -> None:
        ds = self.model.predict(a=[1.0, 0.5], D=0.1)
        self.assertEqual(ds.u.dims, ("sample", "t", "x"))
        self.assertEqual((ds.u.attrs["units"], ds.t.attrs["units"], ds.a.attrs["long_name"]), ("K", "s", "amplitude"))
        self.assertEqual(ds.a.attrs["role"], "input")
        self.assertEqual(ds.attrs["title"], "heat")
        self.assertTrue(ds.solver_reason.isin([1, 2]).all())
        self.assertEqual(ds.verdict.attrs["flag_meanings"], "none good doubtful wrong")
        self.assertEqual(ds.verdict.dims, ("sample",))
        self.assertTrue((ds.left_over > 0).all())
        np.testing.assert_array_equal(ds.u.values, self.model(a=[1.0, 0.5], D=0.1)[:, 0])
        self.assertNotIn("verdict", self.model.predict(a=1.0, D=0.1, verdict=False))
        self.assertEqual(self.model.predict(a=1.0, D=0.1).u.dims, ("t", "x"))

    def test_dimensions_of_a_sweep(self) -> None:
        a = xarray.DataArray([0.5, 1.0, 1.5], dims="run", coords={"run": ["low", "mid", "high"]}, attrs={"units": "mK"})
        d = xarray.DataArray([0.1, 0.2], dims="D")
        data = xarray.Dataset({"a": a * 1000}, coords={"D": d, "t": [0.25, 1.0]})
        data.a.attrs["units"] = "mK"
        ds = self.model.predict(data)
        self.assertEqual(ds.u.dims, ("run", "D", "t", "x"))
        self.assertEqual(ds.run.values.tolist(), ["low", "mid", "high"])
        self.assertEqual(ds.t.values.tolist(), [0.25, 1.0])
        np.testing.assert_allclose(ds.u.sel(run="mid", D=0.2), self.model(a=1.0, D=0.2, output={"t": [0.25, 1.0]})[0],
                                   rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(ds.a.sel(D=0.1), [0.5, 1.0, 1.5])
        data.a.attrs["units"] = "kg"
        with self.assertRaisesRegex(pdemoe.DataError, '"kg" does not convert to "K"'):
            self.model.predict(data)

    def test_a_result_is_an_input(self) -> None:
        ds = self.model.predict(a=[1.0, 0.5], D=0.1, output={"t": [0.5, 1.0]})
        again = self.model.predict(ds)
        xarray.testing.assert_identical(ds.drop_attrs() if hasattr(ds, "drop_attrs") else ds, again.drop_attrs()
                                        if hasattr(again, "drop_attrs") else again)
        report = self.model.evaluate(ds)
        self.assertEqual(report.numbers["error"], 0.0)

    def test_estimates_and_polish(self) -> None:
        ds = self.model.predict(a=[1.0, 0.5], D=0.1, estimate=True)
        self.assertEqual(ds.error_estimate.dims, ("sample",))
        polished = self.model.polish(a=[1.0, 0.5], D=0.1, tolerance=1e-8)
        self.assertTrue((polished.error_estimate < ds.error_estimate).all())
        exact = np.exp(-0.1 * np.pi**2 * polished.t) * np.sin(np.pi * polished.x)
        self.assertLess(float(abs(polished.u.isel(sample=0) - exact).max()), 2e-3)
        self.assertEqual(polished.attrs["polish_tolerance"], 1e-8)
        self.assertNotIn("error_estimate", self.model.predict(a=1.0, D=0.1))
        self.assertIsInstance(self.model.explain(0), str)
        with self.assertRaises(pdemoe.ArgumentError):
            self.model.explain(17)
        error = self.model.evaluate(polished).numbers["error"]
        ratio = np.linalg.norm(ds.u - polished.u, axis=(1, 2)) / np.linalg.norm(polished.u, axis=(1, 2))
        self.assertAlmostEqual(error, ratio.mean(), delta=1e-9)
        for tolerance in (0.0, -1.0, float("nan"), "a"):
            with self.assertRaises(pdemoe.ArgumentError):
                self.model.polish(a=1.0, D=0.1, tolerance=tolerance)

    def test_a_case_is_polished_without_training(self) -> None:
        with support.heat() as case:
            ds = case.polish(a=1.0, D=0.2)
        self.assertEqual(int(ds.verdict), 1)

    def test_wrong_datasets_are_refused(self) -> None:
        good = xarray.Dataset({"a": ("sample", [1.0]), "D": ("sample", [0.1])})
        for wrong in (good.drop_vars("a"), good.assign(a=("x", [1.0])), good.assign(a=("sample", ["b"])),
                      good.assign(a=("sample", [np.nan])), good.assign_coords(t=[1.0, 0.5])):
            with self.subTest(wrong=wrong), self.assertRaises((pdemoe.DataError, pdemoe.ArgumentError)):
                self.model.predict(wrong)
        with self.assertRaises(pdemoe.DataError):
            self.model.evaluate(good)


@unittest.skipIf(xarray is None, "there is no xarray")
class Fields(unittest.TestCase):
    """A field as input."""

    def setUp(self) -> None:
        self.model = pdemoe.Model(support.profile_file(), threads=1)
        self.addCleanup(self.model.close)

    def test_rows(self) -> None:
        about = self.model.inputs["u0"]
        self.assertEqual((about.dims, about.shape), (("x",), (about.n,)))
        u0 = np.sin(np.pi * about.axes[0].coordinate)
        row = np.empty(self.model.n_input)
        row[about.first:about.first + about.n] = u0
        row[self.model.inputs["s"].first] = 1.0
        np.testing.assert_array_equal(self.model(row), self.model(u0=u0, s=1.0))
        self.assertEqual(self.model(u0=u0, s=[1.0, 0.5]).shape[0], 2)
        ds = self.model.predict(u0=u0, s=[1.0, 0.5])
        self.assertEqual(ds.u0.dims, ("sample", "x_of_u0"))
        with self.assertRaises(pdemoe.ArgumentError):
            self.model(u0=u0[:-1], s=1.0)
        with self.assertRaisesRegex(pdemoe.DataError, "u0 of sample 0 is nan at number 3"):
            self.model(u0=np.where(np.arange(about.n) == 3, np.nan, u0), s=1.0)

    def test_own_coordinates(self) -> None:
        x = np.linspace(0.0, 1.0, 81)
        data = xarray.Dataset({"u0": (("x", "run"), np.sin(np.pi * np.outer(x, [1, 2]))), "s": 1.0}, {"x": x})
        ds = self.model.predict(data)
        self.assertEqual(ds.u.dims, ("run", "t", "x"))
        self.assertEqual(ds.u.shape[2], 81)
        points = self.model.inputs["u0"].axes[0].coordinate
        direct = self.model(u0=np.sin(np.pi * points), s=1.0, output={"x": x})
        np.testing.assert_allclose(ds.u.isel(run=0), direct[0], atol=1e-3)
        for wrong in (data.drop_vars("x"), data.isel(x=slice(0, 40)), data.assign_coords(x=x + 0.5),
                      data.isel(x=0), data.where(data.x < 0.5)):
            with self.subTest(wrong=wrong), self.assertRaises((pdemoe.DataError, pdemoe.ArgumentError)):
                self.model.predict(wrong)


if __name__ == "__main__":
    unittest.main()
