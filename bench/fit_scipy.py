"""Diffusion-sorption, D and k from noisy data: pdemoe fit beside SciPy's least_squares round a method of lines.

Truth: finite volumes, 1024 cells. Data: concentrations at scattered places and times, and the flux at the left end, with
normal noise. SciPy: the same finite volumes with 128 cells, BDF with an analytic banded Jacobian, rtol 1e-6; derivatives
by its own two-point differences, numbers scaled by their start. Both begin at D = 1e-3, k = 7e-4, twice what is right.

usage: fit_scipy.py PDEMOE CASE.cdl [DRAWS [NOISE]]        needs numpy, scipy, netCDF4
Prints what both found, CPU seconds, and of all draws how often the truth lies within one and two standard errors.
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
import netCDF4
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares
from scipy.sparse import diags

D, K, U0, PHI, RHO, NF, T = 5e-4, 3.5e-4, 0.1, 0.29, 2880.0, 0.874, 500.0
START = np.array([1e-3, 7e-4])
N_U, N_Q = 300, 60


class Lines:
    """Finite volumes on cells that grow from the left end."""

    def __init__(self, n):
        self.face = np.linspace(0.0, 1.0, n + 1) ** 1.5
        self.x = 0.5 * (self.face[1:] + self.face[:-1])
        self.h = np.diff(self.face)

    def solve(self, d, k, rtol):
        rise = (1.0 - PHI) / PHI * RHO * k
        gap, h = np.diff(self.x), self.h
        left, right = 0.5 * h[0], 0.5 * h[-1]

        def slope_of_storage(u):
            return 1.0 + rise * NF * (np.abs(u) + 1e-9) ** (NF - 1.0)

        def flux(u):
            q = np.empty(len(u) + 1)
            q[1:-1] = -d * np.diff(u) / gap
            q[0] = -d * (u[0] - 1.0) / left
            q[-1] = d * u[-1] / (right + d)  # u at the face is -D du/dx
            return q

        def rate(t, u):
            return -np.diff(flux(u)) / h / slope_of_storage(u)

        def jacobian(t, u):
            s = slope_of_storage(u) * h
            up = np.append(d / gap, 0.0)
            down = np.insert(d / gap, 0, 0.0)
            diagonal = -(up + down)
            diagonal[0] -= d / left
            diagonal[-1] -= d / (right + d)
            slope = rise * NF * (NF - 1.0) * (np.abs(u) + 1e-9) ** (NF - 2.0) * np.sign(u)
            diagonal = diagonal / s - rate(t, u) * slope / slope_of_storage(u)
            return diags([down[1:] / s[1:], diagonal, up[:-1] / s[:-1]], [-1, 0, 1], format="csc")

        self.d, self.left = d, left
        return solve_ivp(rate, (0.0, T), np.full(len(h), U0), "BDF", dense_output=True, rtol=rtol, atol=1e-3 * rtol,
                         jac=jacobian)

    def observe(self, solution, t, x, tq):
        order = np.argsort(t)
        u = np.empty(len(t))
        profile = solution.sol(t[order])
        ends = profile[-1] * (0.5 * self.h[-1] / (0.5 * self.h[-1] + self.d))
        for i, j in enumerate(order):
            nodes = np.concatenate(([0.0], self.x, [1.0]))
            u[j] = np.interp(x[j], nodes, np.concatenate(([1.0], profile[:, i], [profile[-1, i] - ends[i]])))
        q = -self.d * (solution.sol(tq)[0] - 1.0) / self.left
        return np.concatenate((u, q))


def make_places(rng, draws):
    return rng.uniform(5.0, T, (draws, N_U)), rng.uniform(0.0, 1.0, (draws, N_U)), np.linspace(20.0, T, N_Q)


def write(path, t, x, tq, values, noise, noise_q):
    draws = len(t)
    with netCDF4.Dataset(path, "w") as f:
        f.createDimension("sample", draws)
        f.createDimension("place", N_U + N_Q)
        put = lambda name, dims, data: f.createVariable(name, "f8", dims).__setitem__(slice(None), data)
        whole = lambda a, b: np.concatenate((a, np.broadcast_to(b, (draws, N_Q))), 1)
        put("t", ("sample", "place"), whole(t, tq))
        put("x", ("sample", "place"), whole(x, 0.0))
        u, q = np.full((draws, N_U + N_Q), np.nan), np.full((draws, N_U + N_Q), np.nan)
        u[:, :N_U], q[:, N_U:] = values[:, :N_U], values[:, N_U:]
        put("u", ("sample", "place"), u)
        put("q", ("sample", "place"), q)
        put("u_init", (), U0)
        f["q"].observed = "-D*dx(u)"
        f["u"].standard_error = noise
        f["q"].standard_error = noise_q


def by_scipy(t, x, tq, values, noise, noise_q):
    lines = Lines(128)
    weight = np.concatenate((np.full(N_U, 1.0 / noise), np.full(N_Q, 1.0 / noise_q)))
    rest = lambda z: weight * (lines.observe(lines.solve(*(z * START), 1e-6), t, x, tq) - values)
    begin = time.process_time()
    found = least_squares(rest, np.ones(2), x_scale=1.0, diff_step=1e-4)
    seconds = time.process_time() - begin
    error = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    return found.x * START, error * START, seconds, found.nfev


def by_pdemoe(program, case, data, folder, *more):
    command = [program, "fit", case, data, "-o", os.path.join(folder, "fit.nc"), "--parameters", "D, k", "--start",
               "D = 1e-3, k = 7e-4", "--apart", "--json", "--quiet", *more]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode not in (0, 11):
        sys.exit(run.stderr)
    return json.loads(run.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    program, case = sys.argv[1:3]
    draws = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    noise = float(sys.argv[4]) if len(sys.argv) > 4 else 0.01
    rng = np.random.default_rng(1)
    t, x, tq = make_places(rng, draws)
    truth = Lines(1024)
    solution = truth.solve(D, K, 1e-8)
    exact = np.array([truth.observe(solution, t[i], x[i], tq) for i in range(draws)])
    noise_q = noise * np.mean(np.abs(exact[:, N_U:]))
    scale = np.concatenate((np.full(N_U, noise), np.full(N_Q, noise_q)))
    values = exact + scale * rng.normal(size=exact.shape)
    with tempfile.TemporaryDirectory() as folder:
        one, all_of = os.path.join(folder, "one.nc"), os.path.join(folder, "all.nc")
        write(one, t[:1], x[:1], tq, values[:1], noise, noise_q)
        write(all_of, t, x, tq, values, noise, noise_q)
        found, error, scipy_seconds, n = by_scipy(t[0], x[0], tq, values[0], noise, noise_q)
        answer, seconds = by_pdemoe(program, case, one, folder)
        for i, name in enumerate("Dk"):
            print("%s  SciPy %.6g +- %.2g   pdemoe %.6g +- %.2g   apart by %.2f standard errors" %
                  (name, found[i], error[i], answer["value." + name], answer["error." + name],
                   (answer["value." + name] - found[i]) / error[i]))
        first, first_seconds = by_pdemoe(program, case, one, folder, "--max-unknowns", "1")
        print("CPU seconds: SciPy %.2f (%d steps of 3 solves); pdemoe %.2f on %d grids, %.2f on the first alone, which moves D by"
              " %.1f standard errors; start of the program, reading, verdict and files included" %
              (scipy_seconds, n, seconds, answer["grids"], first_seconds,
               (first["value.D"] - answer["value.D"]) / answer["error.D"]))
        answer, seconds = by_pdemoe(program, case, all_of, folder)
    for name, right in (("D", D), ("k", K)):
        key = lambda what, i: ("%d." % i if i > 0 else "") + what + "." + name
        z = np.array([(answer[key("value", i)] - right) / answer[key("error", i)] for i in range(draws)])
        print("%s within 1 and 2 standard errors in %d and %d of %d draws; mean %+.2f, root mean square %.2f of them" %
              (name, np.sum(np.abs(z) < 1), np.sum(np.abs(z) < 2), draws, z.mean(), np.sqrt(np.mean(z * z))))
    print("%d fits in %.2f CPU seconds" % (draws, seconds))


main()
