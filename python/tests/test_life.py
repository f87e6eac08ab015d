"""What is opened is closed; what is closed is not used; threads; training that is stopped."""

import gc
import os
import pickle
import signal
import threading
import unittest

import numpy as np

import pdemoe
from tests import support


class Closing(unittest.TestCase):
    def test_a_thousand_cycles_leave_nothing(self) -> None:
        keep = support.heat()  # its context counts what it holds
        context = keep._context
        with keep.model() as model:
            model([1.0, 0.1])
        live = context.memory()[0]
        for i in range(1000):
            made = keep.model() if i % 5 == 0 else keep.model().case() if i % 5 == 1 else pdemoe.Case()
            if i % 2:
                made.close()
            del made
        gc.collect()
        self.assertEqual(context.memory()[0], live)
        keep.close()
        self.assertEqual(context._n_object, 0)

    def test_models_are_read_and_dropped(self) -> None:
        first = pdemoe.Model(support.heat_file(), threads=1)
        live = first._context.memory()[0]
        for _ in range(20):
            copy = first.case()
            again = copy.model()
            again([1.0, 0.1])
            del copy, again
        gc.collect()
        first([1.0, 0.1])
        first.case().close()
        self.assertLess(first._context.memory()[0], 3 * live)
        before = first._context.memory()[0]
        for _ in range(20):
            first.case().model().close()
        gc.collect()
        first.step
        self.assertEqual(first._context.memory()[0], before)
        first.close()

    def test_closed_objects_raise(self) -> None:
        case = support.heat()
        model = case.model()
        case.close()
        case.close()
        self.assertTrue(case.closed)
        self.assertEqual(model([1.0, 0.1]).shape[0], 1)  # the family lives on
        model.close()
        for call in (lambda: model([1.0, 0.1]), lambda: model.predict(a=1.0, D=0.1), lambda: model.step, model.describe,
                     lambda: model.train(support.path("no.nc")), model.case, lambda: model.value("loss"), case.check,
                     case.model, lambda: case["pde:fields"], lambda: case.__setitem__("a:b", 1.0), case.__enter__,
                     lambda: case.train(support.path("no.nc"))):
            with self.assertRaises(pdemoe.ClosedError):
                call()
        self.assertIn("closed", repr(model) + repr(case))
        self.assertFalse(os.path.exists(support.path("no.nc")))

    def test_cycles_of_references_are_found(self) -> None:
        for _ in range(3):
            case = support.heat()
            model = case.model()
            case.friend, model.friend = model, case
            del case, model
            gc.collect()

    def test_failures_leave_nothing(self) -> None:
        for _ in range(50):
            with self.assertRaises(pdemoe.FileError):
                pdemoe.Model(support.path("nowhere.nc"))
        with open(support.path("bad.nc"), "wb") as file:
            file.write(b"no model")
        with self.assertRaises(pdemoe.PdemoeError):
            pdemoe.Model(support.path("bad.nc"))


class Bytes(unittest.TestCase):
    def test_models_are_pickled(self) -> None:
        with pdemoe.Model(support.heat_file(), threads=1) as model:
            data = model.to_bytes()
            for again in (pdemoe.Model.from_bytes(data, threads=1), pickle.loads(pickle.dumps(model))):
                np.testing.assert_array_equal(again([1.0, 0.1]), model([1.0, 0.1]))
                self.assertEqual((again.step, again.to_bytes()), (model.step, data))
                again.close()
            with open(support.path("bytes.nc"), "wb") as file:
                file.write(data)
            pdemoe.Model(support.path("bytes.nc")).close()
            for wrong in (b"", data[:-1], data[:100] + b"x" + data[101:]):
                with self.assertRaises(pdemoe.ModelError):
                    pdemoe.Model.from_bytes(wrong)
            with self.assertRaises(pdemoe.ArgumentError):
                pdemoe.Model.from_bytes("text")  # type: ignore[arg-type]
            with model.case() as case, self.assertRaises(TypeError):
                pickle.dumps(case)


class Threads(unittest.TestCase):
    def run_all(self, *functions) -> None:
        failures = []

        def guarded(function) -> None:
            try:
                function()
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(failures, [])

    def test_one_model(self) -> None:
        with pdemoe.Model(support.heat_file(), threads=1) as model:
            rows = [np.array([[a, 0.1]]) for a in (0.5, 0.8, 1.1, 1.4)]
            expected = [model(row, output={"t": [0.5]}) for row in rows]

            def many(i: int) -> None:
                for _ in range(20):
                    np.testing.assert_array_equal(model(rows[i], output={"t": [0.5]}), expected[i])
                    model(rows[i])

            self.run_all(*(lambda i=i: many(i) for i in range(4)))

    def test_models_of_their_own(self) -> None:
        def read_and_predict() -> None:
            for _ in range(5):
                with pdemoe.Model(support.heat_file(), threads=1) as model:
                    model([1.0, 0.1])

        self.run_all(*[read_and_predict] * 4)

    def test_closed_by_another(self) -> None:
        model = pdemoe.Model(support.heat_file(), threads=1)

        def until_closed() -> None:
            with self.assertRaises(pdemoe.ClosedError):
                while True:
                    model([1.0, 0.1])

        self.run_all(until_closed, until_closed, model.close)

    def test_python_goes_on_meanwhile(self) -> None:
        """The lock of the interpreter is free during a call: another thread counts while one long call lasts."""
        with support.heat() as case, case.model() as model:
            rows = np.tile([1.0, 0.1], (400, 1))
            done = threading.Event()
            thread = threading.Thread(target=lambda: (model(rows), done.set()))
            thread.start()
            count = 0
            while not done.is_set() and count < 10**7:
                count += 1
            thread.join()
        self.assertGreater(count, 10)


class Training(unittest.TestCase):
    def test_progress_sees_every_step(self) -> None:
        seen = []
        with support.heat(training__steps=4) as case:
            model = case.train(support.path("seen.nc"), progress=lambda m: seen.append((m.step, m.value("loss"))))
        self.assertEqual([step for step, _ in seen], [1, 2, 3, 4])
        self.assertTrue(all(loss > 0 for _, loss in seen))
        self.assertEqual((model.step, model.steps), (4, 4))
        self.assertGreater(model.value("judged"), 0)
        model.train(support.path("seen.nc"), steps=6, progress=None)
        self.assertEqual(model.step, 6)
        with pdemoe.Model(support.path("seen.nc")) as again:
            self.assertEqual(again.step, 6)
        model.write(support.path("copy.nc"))
        self.assertIn("step", model.describe())
        model.close()

    def test_progress_stops(self) -> None:
        with support.heat(training__steps=9) as case, case.train(
                support.path("stopped.nc"), progress=lambda m: m.step == 2) as model:
            self.assertEqual(model.step, 2)
        with pdemoe.Model(support.path("stopped.nc")) as model:
            self.assertEqual(model.step, 2)

    def test_progress_raises(self) -> None:
        def fail(model: pdemoe.Model) -> None:
            raise ZeroDivisionError("mine")

        with support.heat(training__steps=9) as case, self.assertRaisesRegex(ZeroDivisionError, "mine"):
            case.train(support.path("raised.nc"), progress=fail)
        with pdemoe.Model(support.path("raised.nc")) as model:
            self.assertEqual(model.step, 1)

    def test_ctrl_c_leaves_a_checkpoint(self) -> None:
        with support.heat(training__steps=10**6) as case, self.assertRaises(KeyboardInterrupt):
            case.train(support.path("interrupted.nc"),
                       progress=lambda m: os.kill(os.getpid(), signal.SIGINT) if m.step == 3 else None)
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        with pdemoe.Model(support.path("interrupted.nc")) as model:
            self.assertIn(model.step, (3, 4))

    def test_a_callback_does_not_begin_a_call(self) -> None:
        with support.heat() as case:
            model = case.model()
            for call in (lambda m: m([1.0, 0.1]), lambda m: m.close(), lambda m: case.check(), lambda m: case.close()):
                with self.assertRaises(pdemoe.ClosedError):
                    model.train(support.path("nested.nc"), steps=model.step + 2, progress=call)
            garbage = [case.model()]
            model.train(support.path("nested.nc"), steps=model.step + 2, progress=lambda m: garbage.clear())
            model.close()

    def test_warnings_are_logged(self) -> None:
        with self.assertLogs("pdemoe", "WARNING") as logs, support.heat(experts__basis=1) as case:
            case.train(support.path("warned.nc"), progress=None).close()
        self.assertIn("answers are doubtful or wrong", logs.output[-1])

    def test_wrong_arguments(self) -> None:
        with support.heat() as case, case.model() as model:
            for arguments in ({"steps": 1.5}, {"progress": 3}, {"progress": "bar"}):
                with self.assertRaises(pdemoe.ArgumentError):
                    model.train(support.path("wrong.nc"), **arguments)
            with self.assertRaises(pdemoe.CaseError):
                model.train(support.path("wrong.nc"), steps=-1)
            with self.assertRaises(pdemoe.FileError):
                model.train(support.path("no/such/folder.nc"), progress=None)
            with self.assertRaises(pdemoe.ArgumentError):
                support.heat().model(parent=model)
            child = model.case().model(parent=model)
            np.testing.assert_array_equal(child([1.0, 0.1]), model([1.0, 0.1]))

    def test_files(self) -> None:
        from tests.test_predict import xarray

        with pdemoe.Model(support.heat_file()) as model:
            with self.assertRaises(pdemoe.FileError):
                model.predict_file(support.path("nowhere.nc"), support.path("out.nc"))
            with self.assertRaises(pdemoe.PdemoeError):
                model.evaluate(None)  # the case has no exact solution
            reference = support.path("evaluated.nc")
            with support.heat() as case:
                case.reference(reference, n_sample=1, method="polish", tolerance=1e-2)
            report = model.evaluate(reference)
            self.assertGreater(report.numbers["error"], 0.0)
            model.predict_file(reference, support.path("out.nc"))
            if xarray is None:
                return
            try:
                data = xarray.load_dataset(reference)
                files = xarray.load_dataset(support.path("out.nc"))
            except (ValueError, ImportError):
                return  # xarray has nothing to read NetCDF with
            ours = model.predict(data)
            self.assertAlmostEqual(model.evaluate(data).numbers["error"], report.numbers["error"], delta=1e-9)
            np.testing.assert_array_equal(ours.u.values, files.u.values)
            for name in ("verdict", "left_over", "solver_reason"):
                np.testing.assert_array_equal(ours[name].values, files[name].values)
            for name in ("u", "t", "x", "a", "verdict", "solver_reason"):
                for attribute in set(files[name].attrs) - {"_FillValue"}:
                    np.testing.assert_array_equal(ours[name].attrs[attribute], files[name].attrs[attribute], name)


if __name__ == "__main__":
    unittest.main()
