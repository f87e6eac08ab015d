#!/usr/bin/env python3
"""Classical solves of the cases, for bench/pays.sh: the coarsest run whose mean relative L2 error is at most TARGET.

usage: pays_classical.py CASE INPUTS.nc TARGET [--repeat N] [--all] [--at RESOLUTION]

INPUTS.nc has inputs and output coordinates, and the fields where the case has no exact solution. Prints one line

    method | resolution | error in % | milliseconds a sample

or nothing where there is no classical run of the case, or none of them reaches TARGET (in %). --all prints every
run; --at takes the one whose resolution is given as printed.

A resolution is points along space, then steps of time, then what the method has: the strength of the grading, the
stages of a step. Of kuramoto_sivashinsky steps are those of a unit of time, of darcy points are those of a cell of
the medium. Times are minima of N turns; they leave out what does not depend on the inputs (matrices of a linear
problem and their factors) and the interpolation to the output points, as those of pdemoe leave out the making of a
model and the output. All samples of a file are solved in one NumPy array wherever the method allows it, as pdemoe
does. Needs NumPy, SciPy and netCDF4; nothing that is built or tested does.
"""
import argparse
import sys
import time

import netCDF4
import numpy as np
from scipy import fft, interpolate, linalg
from scipy.sparse.linalg import LinearOperator, gmres

PI = np.pi


# ---- tools ----


def weights(places, at, order):
    """Weights of a derivative at a point from values at places (Fornberg, Math. Comp. 51, 1988)."""
    n = len(places)
    c = np.zeros((n, order + 1))
    c[0, 0] = c1 = 1.0
    c4 = places[0] - at
    for i in range(1, n):
        most, c2, c5, c4 = min(i, order), 1.0, c4, places[i] - at
        for j in range(i):
            c3 = places[i] - places[j]
            c2 *= c3
            if j == i - 1:
                for k in range(most, 0, -1):
                    c[i, k] = c1 * (k * c[i - 1, k - 1] - c5 * c[i - 1, k]) / c2
                c[i, 0] = -c1 * c5 * c[i - 1, 0] / c2
            for k in range(most, 0, -1):
                c[j, k] = (c4 * c[j, k] - k * c[j, k - 1]) / c3
            c[j, 0] = c4 * c[j, 0] / c3
        c1 = c2
    return c[:, order]


def differences(x, order, width=5):
    """Matrix of a derivative at all nodes, stencils of `width` nodes, one-sided near the ends."""
    n = len(x)
    d = np.zeros((n, n))
    for i in range(n):
        first = min(max(i - width // 2, 0), n - width)
        d[i, first:first + width] = weights(x[first:first + width], x[i], order)
    return d


def fourier_matrix(n, length, order):
    """Matrix of a derivative of a trigonometric interpolant on n nodes of a ring (n odd or even)."""
    k = 2j * PI * fft.fftfreq(n, 1.0 / n) / length
    if n % 2 == 0 and order % 2:
        k[n // 2] = 0
    return np.real(fft.ifft(fft.fft(np.eye(n), axis=0) * (k**order)[:, None], axis=0))


def implicit_pair(a, h):
    """Gauss-Legendre of two stages, order 4, of u' = A u + g(t): u_new = R u + h (B1 g(t + c1 h) + B2 g(t + c2 h))."""
    n, s = len(a), np.sqrt(3) / 6
    table = np.array([[0.25, 0.25 - s], [0.25 + s, 0.25]])
    inverse = np.linalg.inv(np.eye(2 * n) - h * np.kron(table, a))
    left = np.hstack([np.eye(n), np.eye(n)]) / 2          # weights of both stages
    r = np.eye(n) + h * left @ inverse @ np.vstack([a, a])
    b = left @ inverse
    return r, b[:, :n], b[:, n:], (0.5 - s, 0.5 + s)


def rosenbrock(u, f, jacobian, steps):
    """RODAS3 (Sandu and others, Atmos. Environ. 31, 1997), u [n_sample][n]; bands of the Jacobian [3][n_sample][n].

    All samples are one banded system. steps: sizes. Yields u after every step."""
    shape = u.shape
    for h in steps:
        lower, middle, upper = jacobian(u)
        bands = np.empty((3, u.size))
        lower[:, 0] = upper[:, -1] = 0          # samples do not see each other
        bands[0, 1:] = -upper.ravel()[:-1]
        bands[0, 0] = 0
        bands[1] = 2 / h - middle.ravel()
        bands[2, :-1] = -lower.ravel()[1:]
        bands[2, -1] = 0

        def solve(rhs):
            return linalg.solve_banded((1, 1), bands, rhs.ravel(), check_finite=False).reshape(shape)

        f0 = f(u)
        k1 = solve(f0)
        k2 = solve(f0 + 4 * k1 / h)
        u3 = u + 2 * k1
        k3 = solve(f(u3) + (k1 - k2) / h)
        u4 = u3 + k3
        k4 = solve(f(u4) + (k1 - k2 - (8 / 3) * k3) / h)
        u = u4 + k4
        yield u


def etd_factors(linear, h, points=32):
    """Factors of ETDRK4 by contour integrals (Kassam and Trefethen, SIAM J. Sci. Comput. 26, 2005)."""
    r = np.exp(1j * PI * (np.arange(1, points + 1) - 0.5) / points)
    lr = h * linear[:, None] + r
    mean = lambda v: np.real(np.mean(v, axis=1)) * h
    e = np.exp(lr)
    return (np.exp(h * linear), np.exp(h * linear / 2), mean((np.exp(lr / 2) - 1) / lr),
            mean((-4 - lr + e * (4 - 3 * lr + lr**2)) / lr**3), mean((2 + lr + e * (lr - 2)) / lr**3),
            mean((-4 - 3 * lr - lr**2 + e * (4 - lr)) / lr**3))


def etd(v, nonlinear, factors, n_step):
    """ETDRK4 from spectra v; yields them after every step."""
    e, e2, q, f1, f2, f3 = factors
    for _ in range(n_step):
        nv = nonlinear(v)
        a = e2 * v + q * nv
        na = nonlinear(a)
        b = e2 * v + q * na
        nb = nonlinear(b)
        c = e2 * a + q * (2 * nb - nv)
        v = e * v + f1 * nv + 2 * f2 * (na + nb) + f3 * nonlinear(c)
        yield v


def resample_ring(u, n):
    """Values on a ring at n equal steps, along the last dimension, by the trigonometric interpolant."""
    return u if u.shape[-1] == n else np.real(fft.irfft(fft.rfft(u) * (n / u.shape[-1]), n))


def evaluate_ring(u, x, length):
    """A trigonometric interpolant [...][n] at places x."""
    n = u.shape[-1]
    v = fft.rfft(u) / n
    v[..., 1:] *= 2
    if n % 2 == 0:
        v[..., -1] /= 2
    return np.real(v @ np.exp(2j * PI * np.outer(np.arange(v.shape[-1]), x) / length))


def spline(x, u, at, axis=-1):
    return interpolate.CubicSpline(x, u, axis=axis)(at)


def cosine_matrix(n):
    """Matrix of the second derivative of a cosine interpolant on n + 1 nodes of an interval of length 2."""
    modes = fft.dct(np.eye(n + 1), type=1, axis=0)
    return fft.idct(-(PI * np.arange(n + 1) / 2)[:, None]**2 * modes, type=1, axis=0)


# ---- the cases: a list of runs, each (resolution, prepare() -> solve, output) ----
# solve() is timed, takes no arguments and returns what output() makes fields of, at the points of the file.


class Case:
    """Inputs, coordinates and fields of a file, by their names."""

    def __init__(self, path):
        self.var = {}
        with netCDF4.Dataset(path) as file:
            for name, v in file.variables.items():
                self.var[name] = np.ma.filled(np.asarray(v[:], dtype=float), np.nan) if v.dtype.kind in "fiu" else None

    def __getattr__(self, name):
        try:
            return self.__dict__["var"][name]
        except KeyError:
            raise AttributeError(name) from None


def wave1d(d):
    """Leapfrog of order 4 (modified equation), differences of order 4, odd at the walls; Courant number 0.8."""
    k = np.arange(1, 4)
    a = np.stack([d.a1, d.a2, d.a3], 1)
    omega = k * PI
    part = np.cos(np.multiply.outer(d.t, omega))[None] * a[:, None]
    part[:, :, 0] += d.b[:, None] / PI * np.sin(PI * d.t)
    exact = part @ np.sin(np.outer(omega, d.x))

    def run(n):
        h = 1 / n
        x = np.arange(1, n) * h
        steps = int(np.ceil(2 / (0.8 * h)))
        dt = 2 / steps
        shape = np.sin(np.outer(omega, x))
        start = shape[0]
        lap = np.zeros((n - 1, n - 1))
        for i in range(1, n):                         # odd about both ends
            for j, w in ((-2, -1 / 12), (-1, 4 / 3), (0, -5 / 2), (1, 4 / 3), (2, -1 / 12)):
                at, sign = i + j, 1.0
                if at < 0: at, sign = -at, -1.0
                if at > n: at, sign = 2 * n - at, -1.0
                if 0 < at < n: lap[i - 1, at - 1] += sign * w / h**2
        once = (dt**2 * lap + dt**4 / 12 * lap @ lap).T
        to = 2 * np.eye(n - 1) + once
        speed = (dt * np.eye(n - 1) + dt**3 / 6 * lap).T

        def solve():
            u = np.empty((steps + 1, len(a), n - 1))
            u[0] = a @ shape
            u[1] = u[0] + 0.5 * u[0] @ once + (d.b[:, None] * start) @ speed
            for s in range(1, steps):
                np.matmul(u[s], to, out=u[s + 1])
                u[s + 1] -= u[s - 1]
            return u

        def output(u):
            full = np.zeros((steps + 1, len(a), n + 1))
            full[:, :, 1:-1] = u
            return spline(np.arange(n + 1) * h, spline(np.arange(steps + 1) * dt, full, d.t, 0), d.x).transpose(1, 0, 2)

        return solve, output

    return [((n,), run) for n in (6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64)], [exact]


def heat_source(d):
    """Differences of order 4, Gauss-Legendre of order 4 with matrices made once."""
    w, diffusion = 0.1, 0.01
    spot = lambda t, x: d.p[:, None] * np.exp(-((x - 0.2 - d.v[:, None] * t) / w)**2)
    exact = np.stack([spot(t, d.x) for t in d.t], 1)

    def run(n, steps):
        x = np.linspace(0, 1, n + 1)
        lap = diffusion * differences(x, 2, 5)
        h = 1 / steps
        inside, sides = lap[1:-1, 1:-1], lap[1:-1, [0, -1]]
        r, b1, b2, c = implicit_pair(inside, h)
        r, b1, b2 = r.T.copy(), h * b1.T, h * b2.T
        stages = (np.arange(steps)[:, None] + np.array(c)).ravel()[:, None, None] * h

        def solve():
            z = (x - 0.2 - d.v[:, None] * stages) / w
            s = d.p[:, None] * np.exp(-z * z)
            g = (2 * d.v[:, None] / w * z[..., 1:-1] - diffusion / w**2 * (4 * z[..., 1:-1]**2 - 2)) * s[..., 1:-1]
            g += s[..., [0, -1]] @ sides.T
            g = g[0::2] @ b1 + g[1::2] @ b2
            u = np.empty((steps + 1, len(d.v), n - 1))
            u[0] = spot(0, x[1:-1])
            for k in range(steps):
                u[k + 1] = u[k] @ r + g[k]
            return u

        def output(u):
            times = np.arange(steps + 1) * h
            full = np.zeros((steps + 1, len(d.v), n + 1))
            full[:, :, 1:-1] = u
            for k in range(steps + 1):
                full[k][:, [0, -1]] = spot(times[k], x[[0, -1]])
            return spline(x, spline(times, full, d.t, 0), d.x).transpose(1, 0, 2)

        return solve, output

    return [((n, steps), run) for n in (24, 32, 40, 48, 56, 64, 80) for steps in (8, 12, 16, 24, 32)], [exact]


def advection1d(d):
    """Fourier differentiation matrix, Runge-Kutta of order 4."""
    bell = lambda t: np.exp((np.cos(2 * PI * (d.x - d.v[:, None] * t - d.s[:, None])) - 1) / d.w[:, None]**2)
    exact = np.stack([bell(t) for t in d.t], 1)

    def run(n, steps):
        x = np.arange(n) / n
        slope = fourier_matrix(n, 1, 1).T
        h = 1 / steps

        def solve():
            u = np.empty((steps + 1, len(d.v), n))
            u[0] = np.exp((np.cos(2 * PI * (x - d.s[:, None])) - 1) / d.w[:, None]**2)
            f = -d.v[:, None] * h
            for k in range(steps):
                k1 = f * (u[k] @ slope)
                k2 = f * ((u[k] + k1 / 2) @ slope)
                k3 = f * ((u[k] + k2 / 2) @ slope)
                k4 = f * ((u[k] + k3) @ slope)
                u[k + 1] = u[k] + (k1 + 2 * (k2 + k3) + k4) / 6
            return u

        def output(u):
            full = spline(np.arange(steps + 1) * h, u, d.t, 0)
            return evaluate_ring(full, d.x, 1.0).transpose(1, 0, 2)

        return solve, output

    return [((n, steps), run) for n in (16, 20, 24, 28, 32, 40) for steps in (24, 32, 40, 48, 64, 80)], [exact]


def poisson(d):
    """The nine-point scheme of order 4 (Mehrstellen), solved by sine transforms."""
    modes = ((1, 1), (2, 1), (1, 2), (2, 3))
    shape = lambda k, x: np.sin(k * PI * x)
    a = np.stack([d.a1, d.a2, d.a3, d.a4], 1)
    exact = np.einsum("sm,mx,my->sxy", a / np.array([PI**2 * (k * k + l * l) for k, l in modes]),
                      np.stack([shape(k, d.x) for k, _ in modes]), np.stack([shape(l, d.y) for _, l in modes]))

    def run(n):
        x = np.arange(1, n) / n
        lam = (2 * n * np.sin(PI * np.arange(1, n) / (2 * n)))**2
        lx, ly = lam[:, None], lam[None, :]
        factor = (1 - (lx + ly) / (12 * n * n)) / (lx + ly - lx * ly / (6 * n * n))
        of_x = np.stack([shape(k, x) for k, _ in modes])
        of_y = np.stack([shape(l, x) for _, l in modes])

        def solve():
            f = np.einsum("sm,mx,my->sxy", a, of_x, of_y, optimize=True)
            return fft.idstn(fft.dstn(f, type=1, axes=(1, 2)) * factor, type=1, axes=(1, 2))

        def output(u):
            full = np.zeros((len(a), n + 1, n + 1))
            full[:, 1:-1, 1:-1] = u
            at = np.arange(n + 1) / n
            return spline(at, spline(at, full, d.x, 1), d.y, 2)

        return solve, output

    return [((n,), run) for n in (6, 8, 10, 12, 14, 16, 20, 24, 32)], [exact]


def heat2d(d):
    """Differences of order 4 in x, Fourier in y, Gauss-Legendre of order 4 with matrices made once."""
    diffusion = 0.1
    wave = lambda t, x, y: np.exp(-t) * np.sin(PI * x)[:, None] * (1 + np.cos(2 * PI * y) / 2)
    exact = 1 + d.a[:, None, None, None] * np.stack([wave(t, d.x, d.y) for t in d.t])

    def run(n, m, steps):
        x, y = np.linspace(0, 1, n + 1), np.arange(m) / m
        lx, first = differences(x, 2, 5), differences(x, 1, 5)
        # the last node's value follows from the flux: first[-1] u = slope
        last = -first[-1] / first[-1, -1]
        inner = slice(1, n)
        ax = lx[inner, inner] + np.outer(lx[inner, -1], last[inner])
        of_side = lx[inner, 0] + lx[inner, -1] * last[0]
        of_flux = lx[inner, -1] / first[-1, -1]
        a = diffusion * (np.kron(ax, np.eye(m)) + np.kron(np.eye(n - 1), fourier_matrix(m, 1, 2)))
        h = 1 / steps
        r, b1, b2, c = implicit_pair(a, h)
        r, b1, b2 = r.T.copy(), h * b1.T, h * b2.T
        in_y = 1 + np.cos(2 * PI * y) / 2
        # the factor of a in the source and in the flux -D du/dx = D pi a exp(-t) (...) at x = 1, at time 0
        of_y = (diffusion * PI**2 - 1) * in_y + diffusion * 2 * PI**2 * np.cos(2 * PI * y)
        source = np.sin(PI * x[inner])[:, None] * of_y
        source = (source - diffusion * PI * np.outer(of_flux, in_y)).ravel()
        side = diffusion * np.repeat(of_side, m)

        def solve():
            u = np.empty((steps + 1, len(d.a), (n - 1) * m))
            u[0] = 1 + d.a[:, None] * (np.sin(PI * x[inner])[:, None] * in_y).ravel()
            for k in range(steps):
                g1 = d.a[:, None] * (np.exp(-(k + c[0]) * h) * source) + side
                g2 = d.a[:, None] * (np.exp(-(k + c[1]) * h) * source) + side
                u[k + 1] = u[k] @ r + g1 @ b1 + g2 @ b2
            return u

        def output(u):
            times = np.arange(steps + 1) * h
            full = np.ones((steps + 1, len(d.a), n + 1, m))
            full[:, :, 1:-1] = u.reshape(steps + 1, len(d.a), n - 1, m)
            flux = -PI * np.exp(-times)[:, None, None] * d.a[:, None] * in_y
            full[:, :, -1] = np.einsum("j,tsjm->tsm", last[:-1], full[:, :, :-1]) + flux / first[-1, -1]
            full = spline(x, spline(times, full, d.t, 0), d.x, 2)
            return evaluate_ring(full, d.y, 1.0).transpose(1, 0, 2, 3)

        return solve, output

    return [((n, 8, s), run) for n in (8, 10, 12, 14, 16, 20, 24, 32) for s in (2, 3, 4, 6, 8)], [exact]


def diffusion_sorption(d):
    """Differences on graded nodes, RODAS3 in steps that grow from the start."""
    exponent, small = 0.874, 1e-9
    rise = (1 - 0.29) / 0.29 * 2880 * 3.5e-4

    def run(n, steps):
        s = np.linspace(0, 1, n + 1)
        x = s**1.5
        gap = np.diff(x)
        # finite volumes about the nodes 1 .. n; node 0 is held at 1; u + D du/dx = 0 at the end
        cell = np.append((gap[:-1] + gap[1:]) / 2, gap[-1] / 2)
        left = 5e-4 / gap / cell
        right = np.append(5e-4 / gap[1:] / cell[:-1], 1 / cell[-1])
        times = 500 * np.linspace(0, 1, steps + 1)**3
        diagonal = -(left + right)

        def slope(u):
            return 1 + rise * exponent * (np.abs(u) + small)**(exponent - 1)

        def flow(u):
            f = diagonal * u
            f[:, 1:] += left[1:] * u[:, :-1]
            f[:, 0] += left[0]
            f[:, :-1] += right[:-1] * u[:, 1:]
            return f

        def jacobian(u):
            g = slope(u)
            bend = rise * exponent * (exponent - 1) * (np.abs(u) + small)**(exponent - 2) * np.sign(u)
            one = 1 / g
            return left * one, diagonal * one - flow(u) * bend * one * one, right * one

        def solve():
            u = [np.repeat(d.u_init[:, None], n, 1)]
            for v in rosenbrock(u[0], lambda v: flow(v) / slope(v), jacobian, np.diff(times)):
                u.append(v)
            return u

        def output(u):
            full = np.concatenate([np.ones((steps + 1, len(d.u_init), 1)), np.stack(u)], 2)
            full[0, :, 0] = d.u_init
            root = np.sqrt(times)
            return spline(s, spline(root, full, np.sqrt(d.t), 0), (d.x)**(1 / 1.5)).transpose(1, 0, 2)

        return solve, output

    return [((n, s), run) for n in (32, 40, 48, 64, 80, 96, 128, 192) for s in (20, 30, 40, 60, 80, 120)], [d.u]


def burgers(d):
    """Finite volumes on nodes crowded at the shock, RODAS3."""
    nu = 0.01 / PI

    def run(n, strength, steps):
        s = np.linspace(-1, 1, n + 1)
        x = np.sinh(strength * s) / np.sinh(strength)
        gap = np.diff(x)
        cell = (gap[:-1] + gap[1:]) / 2
        times = np.linspace(0, 1, steps + 1)

        def faces(u):
            v = np.zeros((1, n + 1))
            v[:, 1:-1] = u
            return v

        def f(u):
            v = faces(u)
            flux = ((v[:, :-1] + v[:, 1:])**2) / 8 - nu * (v[:, 1:] - v[:, :-1]) / gap
            return -(flux[:, 1:] - flux[:, :-1]) / cell

        def jacobian(u):
            v = faces(u)
            half = (v[:, :-1] + v[:, 1:]) / 4
            of_left, of_right = half + nu / gap, half - nu / gap
            return of_left[:, :-1] / cell, (of_right[:, :-1] - of_left[:, 1:]) / cell, -of_right[:, 1:] / cell

        def solve():
            u = [-np.sin(PI * x[None, 1:-1])]
            for v in rosenbrock(u[0], f, jacobian, np.diff(times)):
                u.append(v)
            return u

        def output(u):
            full = np.zeros((steps + 1, n + 1))
            full[:, 1:-1] = np.concatenate(u)
            return spline(s, spline(times, full, d.t, 0), np.arcsinh(d.x * np.sinh(strength)) / strength)[None]

        return solve, output

    return [((n, strength, s), run) for n in (64, 96, 128, 192, 256, 384, 512) for strength in (4, 5)
            for s in (15, 20, 30, 40, 60, 80)], [d.u]


def burgers_random(d):
    """Sine modes with twice as many points for products, ETDRK4."""
    nu = 0.02

    def run(n, steps):
        k = PI * np.arange(n + 1) / 2                    # odd about both ends of (-1, 1): a ring of length 4
        h = 1 / steps
        factors = etd_factors(-nu * k**2, h)
        x = -1 + 2 * np.arange(n + 1) / n
        u0 = spline(d.x, d.u0, x)
        u0[:, [0, -1]] = 0
        keep = np.arange(n + 1) <= 2 * n // 3

        def ring(u):
            return np.concatenate([u, -u[:, -2:0:-1]], 1)

        def nonlinear(v):
            u = fft.irfft(v, 2 * n)
            return -0.5j * k * keep * fft.rfft(u * u)

        def solve():
            v = fft.rfft(ring(u0))
            return [v] + list(etd(v, nonlinear, factors, steps))

        def output(v):
            u = fft.irfft(np.stack(v, 1), 2 * n)
            full = spline(np.arange(steps + 1) * h, u, d.t, 1)
            return evaluate_ring(full, d.x + 1, 4.0)

        return solve, output

    return [((n, s), run) for n in (32, 48, 64, 96, 128) for s in (10, 15, 20, 30, 40, 60)], [d.u]


def allen_cahn(d):
    """Fourier modes, ETDRK4."""

    def run(n, steps):
        k = PI * np.arange(n // 2 + 1)
        h = 1 / steps
        factors = etd_factors(5 - 1e-4 * k**2, h)
        x = -1 + 2 * np.arange(n) / n

        def solve():
            v = fft.rfft(x[None]**2 * np.cos(PI * x[None]))
            return [v] + list(etd(v, lambda v: fft.rfft(-5 * fft.irfft(v, n)**3), factors, steps))

        def output(v):
            full = spline(np.arange(steps + 1) * h, fft.irfft(np.concatenate(v), n), d.t, 0)
            return evaluate_ring(full, d.x + 1, 2.0)[None]

        return solve, output

    return [((n, s), run) for n in (128, 192, 256, 384, 512) for s in (10, 15, 20, 30, 40, 60)], [d.u]


def kuramoto_sivashinsky(d):
    """Fourier modes, ETDRK4."""
    end = d.t[-1]

    def run(n, per):
        k = 2 * PI * np.arange(n // 2 + 1) / 22
        factors = etd_factors(k**2 - k**4, 1 / per)
        keep = np.arange(n // 2 + 1) <= n // 3
        u0 = d.u0[:, ::128 // n] if n <= 128 else resample_ring(d.u0, n)

        def nonlinear(v):
            u = fft.irfft(v, n)
            return -0.5j * k * keep * fft.rfft(u * u)

        def solve():
            v = fft.rfft(u0)
            return [v] + list(etd(v, nonlinear, factors, int(end) * per))

        def output(v):
            full = spline(np.arange(len(v)) / per, fft.irfft(np.stack(v, 1), n), d.t, 1)
            return evaluate_ring(full, d.x, 22.0)

        return solve, output

    return [((n, per), run) for n in (32, 64, 128) for per in (2, 3, 4, 6, 8, 10, 16)], [d.u]


def darcy(d):
    """Bilinear finite elements, one conductivity an element, band Cholesky."""

    def run(m):
        n = 16 * m
        # the reference's medium has 16 x 16 cells; its file gives it at points: take one inside each cell
        element = np.array([[4, -1, -2, -1], [-1, 4, -1, -2], [-2, -1, 4, -1], [-1, -2, -1, 4]]) / 6
        corner = ((0, 0), (1, 0), (1, 1), (0, 1))
        cells = np.array([np.argmin(np.abs(d.x - (c + 0.5) / 16)) for c in range(16)])
        of_cell = np.repeat(np.arange(16), m)
        load = np.full((n - 1)**2, 1.0 / n**2)

        def assemble(k):
            """Upper band of the matrix of the inner nodes, numbered with the last dimension fastest."""
            inner = n - 1
            ab = np.zeros((inner + 2, inner, inner))
            for i, (di, dj) in enumerate(corner):
                for j, (ei, ej) in enumerate(corner):
                    off = (ei - di) * inner + ej - dj
                    if off < 0: continue
                    # element (p, q) adds to row node (p + di, q + dj), column node (p + ei, q + ej), both inner
                    lo_p, hi_p = max(1 - di, 1 - ei, 0), min(n - di, n - ei, n)
                    lo_q, hi_q = max(1 - dj, 1 - ej, 0), min(n - dj, n - ej, n)
                    ab[inner + 1 - off, lo_p + ei - 1:hi_p + ei - 1, lo_q + ej - 1:hi_q + ej - 1] += \
                        element[i, j] * k[lo_p:hi_p, lo_q:hi_q]
            return ab.reshape(inner + 2, inner * inner)

        media = [k[np.ix_(cells, cells)][np.ix_(of_cell, of_cell)] for k in d.k]

        def solve():
            return [linalg.solveh_banded(assemble(k), load, overwrite_ab=True, check_finite=False) for k in media]

        def output(u):
            full = np.zeros((len(u), n + 1, n + 1))
            full[:, 1:-1, 1:-1] = np.stack(u).reshape(-1, n - 1, n - 1)
            at = np.arange(n + 1) / n
            along = interpolate.interp1d(at, full, axis=1)(d.x)
            return interpolate.interp1d(at, along, axis=2)(d.y)

        return solve, output

    return [((m,), run) for m in (1, 2, 3, 4, 6)], [d.u]


def reaction_diffusion(d):
    """Cosine modes as matrices, Runge-Kutta of order 4."""
    end = d.t[-1]

    def run(n, steps):
        lap = cosine_matrix(n)
        stride = (len(d.x) - 1) // n
        h = end / steps

        def rate(w):
            u, v = w
            change = lap @ w + w @ lap.T
            change[0] *= 1e-3
            change[1] *= 5e-3
            change[0] += u - u * u * u - 5e-3 - v
            change[1] += u - v
            return change

        def solve():
            w = np.stack([d.u0, d.v0])[:, :, ::stride, ::stride].copy()
            all_of = [w]
            for _ in range(steps):
                k1 = rate(w)
                k2 = rate(w + h / 2 * k1)
                k3 = rate(w + h / 2 * k2)
                k4 = rate(w + h * k3)
                w = w + h / 6 * (k1 + 2 * (k2 + k3) + k4)
                all_of.append(w)
            return all_of

        def output(w):
            full = spline(np.arange(steps + 1) * h, np.stack(w), d.t, 0)
            at = np.linspace(-1, 1, n + 1)
            full = spline(at, spline(at, full, d.x, 3), d.y, 4)
            return full[:, 0].transpose(1, 0, 2, 3), full[:, 1].transpose(1, 0, 2, 3)

        return solve, output

    return [((n, s), run) for n in (8, 16, 32) for s in (5, 8, 12, 16)], [d.u, d.v]


def plume(d):
    """Differences of order 4, sides eliminated; Runge-Kutta-Chebyshev (Verwer, Appl. Numer. Math. 22, 1996)."""
    one = lambda v: v[:, None, None]
    end = d.t[-1]

    def chebyshev(s):
        w0 = 1 + 2 / 13 / s**2
        t, t1, t2 = [1.0, w0], [0.0, 1.0], [0.0, 0.0]
        for j in range(2, s + 1):
            t.append(2 * w0 * t[-1] - t[-2])
            t1.append(2 * t[j - 1] + 2 * w0 * t1[-1] - t1[-2])
            t2.append(4 * t1[j - 1] + 2 * w0 * t2[-1] - t2[-2])
        w1 = t1[s] / t2[s]
        b = [0, 0] + [t2[j] / t1[j]**2 for j in range(2, s + 1)]
        b[0] = b[1] = b[2]
        a = [1 - b[j] * t[j] for j in range(s + 1)]
        rows = [(2 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2], 2 * b[j] * w1 / b[j - 1],
                 -a[j - 1] * 2 * b[j] * w1 / b[j - 1]) for j in range(2, s + 1)]
        return b[1] * w1, rows

    def run(n, steps, stages):
        at = np.linspace(0, 1, n + 1)
        first, second = differences(at, 1), differences(at, 2)
        x, y = at[1:-1], at[1:-1]
        last = -first[-1, :-1] / first[-1, -1]                 # u on the last node: no slope there
        in_x1 = first[1:-1, 1:-1] + np.outer(first[1:-1, -1], last[1:])
        in_x2 = second[1:-1, 1:-1] + np.outer(second[1:-1, -1], last[1:])
        h = end / steps
        mu1, rows = chebyshev(stages)
        # both ends of y from what is between: no slope at the top, rise u - D du/dy = 0 at the ground
        ends = np.empty((len(d.D), 2, 2))
        ends[:, 0] = first[-1, [0, -1]]
        ends[:, 1] = -d.D[:, None] * first[0, [0, -1]]
        ends[:, 1, 0] += d.rise
        between = np.empty((len(d.D), 2, n - 1))
        between[:, 0] = first[-1, 1:-1]
        between[:, 1] = -d.D[:, None] * first[0, 1:-1]
        of_y = -np.linalg.solve(ends, between)                 # [n_sample][2][n - 1]

        def solve():
            in_y = one(d.D) * (second[1:-1, 1:-1] + second[1:-1][:, [0, -1]] @ of_y)
            in_y -= one(d.rise) * (first[1:-1, 1:-1] + first[1:-1][:, [0, -1]] @ of_y)
            in_y -= one(d.k) * np.eye(n - 1)
            in_y = in_y.transpose(0, 2, 1).copy()
            wind = -one(d.speed) * (0.3 + 0.7 * y)
            source = np.exp(-((x[:, None] - 0.25)**2 + (y - one(d.y0))**2) / (2 * 0.08**2))

            def rate(u):
                return wind * (in_x1 @ u) + one(d.D) * (in_x2 @ u) + u @ in_y + source

            u = np.zeros((len(d.D), n - 1, n - 1))
            all_of = [u]
            for _ in range(steps):
                f0 = rate(u)
                before, now = u, u + mu1 * h * f0
                for mu, nu, mu_t, gamma in rows:
                    before, now = now, (1 - mu - nu) * u + mu * now + nu * before + h * (mu_t * rate(now) + gamma * f0)
                u = now
                all_of.append(u)
            return all_of

        def output(u):
            u = np.stack(u, 1)
            full = np.zeros(u.shape[:2] + (n + 1, n + 1))
            full[..., 1:-1, 1:-1] = u
            full[..., -1, 1:-1] = np.einsum("i,stij->stj", last[1:], u)
            sides = np.einsum("sej,stij->stie", of_y, full[..., 1:-1])
            full[..., 0], full[..., -1] = sides[..., 0], sides[..., 1]
            full = spline(np.arange(steps + 1) * h, full, d.t, 1)
            return spline(at, spline(at, full, d.x, 2), d.y, 3)

        return solve, output

    return [((n, steps, s), run) for n in (12, 16, 20, 24, 28, 32) for steps in (5, 8, 12, 16)
            for s in (4, 6, 8, 10)], [d.u]


def conduction3d(d):
    """For v = u + u^3/3, of which the equation is -div(exp(g) grad v) + u^3 = f: finite volumes, or Chebyshev collocation;
    Newton's method, steps by conjugate gradients or GMRES with transforms that solve Poisson's equation."""
    heating = 20.0
    known = len(d.x) - 1

    def cosines(x):
        """From the values of a file at known + 1 nodes to values at x: the cosine interpolant."""
        k = np.arange(known + 1)
        to = fft.dct(np.eye(known + 1), type=1, axis=0) / known
        to[[0, -1]] /= 2
        return np.cos(PI * np.outer(x, k)) @ to

    along = lambda m, u, axis: np.moveaxis(np.tensordot(m, u, (1, axis)), 0, axis)
    everywhere = lambda m, u: along(m, along(m, along(m, u, 0), 1), 2)

    def temperature(v):
        """u of u + u^3/3 = v."""
        root = np.cbrt((3 * v + np.sqrt(9 * v * v + 4)) / 2)
        return root - 1 / root

    def newton(residual, step, shape):
        v = np.zeros(shape)
        for _ in range(12):
            u = temperature(v)
            change = step(v, u, residual(v, u))
            v = v + change
            if np.max(np.abs(change)) < 2e-3 * np.max(np.abs(v)): break
        return v

    def volumes(n):
        lam = (2 * n * np.sin(PI * np.arange(1, n) / (2 * n)))**2
        lam = lam[:, None, None] + lam[None, :, None] + lam[None, None, :]
        to = cosines(np.arange(n + 1) / n)
        inner = (slice(1, -1),) * 3

        def one(g):
            k = np.exp(everywhere(to, g))
            face = []
            for a in range(3):
                part = [slice(1, -1)] * 3
                part[a] = slice(None)
                b = np.moveaxis(k[tuple(part)], a, 0)
                face.append(np.moveaxis((b[1:] + b[:-1]) / 2, 0, a) * n * n)
            root = 1 / np.sqrt(k[inner])

            def operator(v):
                out = np.zeros_like(v)
                w = np.pad(v, 1)
                for a in range(3):
                    part = [slice(1, -1)] * 3
                    part[a] = slice(None)
                    flux = np.diff(w[tuple(part)], axis=a) * face[a]
                    out -= np.diff(flux, axis=a)
                return out

            def step(v, u, r):
                slope = 3 * u * u / (1 + u * u)
                x = np.zeros_like(r)
                r = -r
                first = np.sqrt(np.vdot(r, r))
                p = rho = None
                for _ in range(100):
                    z = root * fft.idstn(fft.dstn(root * r, type=1) / lam, type=1)
                    rho, before = np.vdot(r, z), rho
                    p = z if p is None else z + rho / before * p
                    q = operator(p) + slope * p
                    alpha = rho / np.vdot(p, q)
                    x += alpha * p
                    r = r - alpha * q
                    if np.sqrt(np.vdot(r, r)) < 1e-2 * first: break
                return x

            return newton(lambda v, u: operator(v) + u**3 - heating, step, (n - 1,) * 3)

        def output(v):
            full = np.zeros((len(v),) + (n + 1,) * 3)
            full[:, 1:-1, 1:-1, 1:-1] = temperature(np.stack(v))
            at = np.arange(n + 1) / n
            return spline(at, spline(at, spline(at, full, d.x, 1), d.y, 2), d.z, 3)

        return lambda: [one(g) for g in d.g], output

    def collocation(n):
        x = (1 - np.cos(PI * np.arange(n + 1) / n)) / 2
        first = differences(x, 1, n + 1)
        lam, vectors = np.linalg.eig(-(first @ first)[1:-1, 1:-1])
        lam, vectors = np.real(lam), np.real(vectors)
        inverse = np.linalg.inv(vectors)
        lam = lam[:, None, None] + lam[None, :, None] + lam[None, None, :]
        to, inner = cosines(x), (slice(1, -1),) * 3
        size = (n - 1)**3

        def one(g):
            k = np.exp(everywhere(to, g))

            def operator(v):
                w = np.pad(v, 1)
                return -sum(along(first, k * along(first, w, a), a) for a in range(3))[inner]

            def step(v, u, r):
                slope = 3 * u * u / (1 + u * u)
                shape = v.shape
                a = LinearOperator((size, size), lambda p: operator(p.reshape(shape)).ravel() + slope.ravel() * p)
                m = LinearOperator((size, size), lambda p: everywhere(
                    vectors, everywhere(inverse, p.reshape(shape) / k[inner]) / lam).ravel())
                return gmres(a, -r.ravel(), M=m, rtol=1e-2, restart=60, maxiter=2)[0].reshape(shape)

            return newton(lambda v, u: operator(v) + u**3 - heating, step, (n - 1,) * 3)

        def output(v):
            full = np.zeros((len(v),) + (n + 1,) * 3)
            full[:, 1:-1, 1:-1, 1:-1] = np.stack(v)
            at = np.stack([weights(x, p, 0) for p in d.x])
            return temperature(np.stack([everywhere(at, f) for f in full]))

        return lambda: [one(g) for g in d.g], output

    return [((n,), volumes) for n in (8, 12, 16, 20, 24)] + [((n, "Chebyshev"), lambda n, _: collocation(n))
                                                             for n in (8, 10, 12, 14, 16)], [d.u]


CASES = {f.__name__: (f, method) for f, method in (
    (wave1d, "leapfrog, order 4"),
    (heat_source, "differences, implicit Runge-Kutta"),
    (advection1d, "Fourier, Runge-Kutta"),
    (poisson, "nine points, sine transforms"),
    (heat2d, "differences and Fourier, implicit Runge-Kutta"),
    (diffusion_sorption, "finite volumes, Rosenbrock"),
    (burgers, "finite volumes, Rosenbrock"),
    (burgers_random, "sine modes, ETDRK4"),
    (allen_cahn, "Fourier, ETDRK4"),
    (kuramoto_sivashinsky, "Fourier, ETDRK4"),
    (darcy, "finite elements, band Cholesky"),
    (reaction_diffusion, "cosine modes, Runge-Kutta"),
    (plume, "differences, Runge-Kutta-Chebyshev"),
    (conduction3d, "finite volumes or Chebyshev, Newton-Krylov"),
)}


# ---- the search ----


def error_of(fields, references):
    """Mean over samples of the relative L2 error, in %, of the worst field."""
    worst = 0.0
    for u, v in zip(fields, references):
        u, v = np.broadcast_arrays(u, v if v.ndim == u.ndim else v[None])
        axes = tuple(range(1, u.ndim))
        worst = max(worst, np.mean(np.sqrt(np.sum((u - v)**2, axes) / np.sum(v**2, axes))))
    return 100 * worst if np.isfinite(worst) else np.inf


def text(resolution):
    return " x ".join(str(r) for r in resolution)


def seconds_of(solve, repeat):
    best = np.inf
    for _ in range(repeat):
        start = time.perf_counter()
        solve()
        best = min(best, time.perf_counter() - start)
    return best


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("case")
    parser.add_argument("inputs")
    parser.add_argument("target", type=float)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--at")
    given = parser.parse_args()
    if given.case not in CASES:
        return
    make, method = CASES[given.case]
    np.seterr(all="ignore")
    runs, references = make(Case(given.inputs))
    n_sample = len(references[0]) if given.case not in ("burgers", "allen_cahn") else 1
    good = []
    for resolution, run in runs:
        if given.at and text(resolution) != given.at: continue
        solve, output = run(*resolution)
        try:
            fields = output(solve())
        except ValueError:                           # not a number: too long a step
            continue
        error = error_of(fields if isinstance(fields, tuple) else (fields,), references)
        seconds = seconds_of(solve, 2)
        if given.all:
            print(resolution, "%.4g %%, %.4g ms" % (error, 1e3 * seconds / n_sample))
        if error <= given.target:
            good.append((seconds, error, resolution, solve))
    if not good:
        print("%s: no run reaches %g %%" % (given.case, given.target), file=sys.stderr)
        return
    good.sort(key=lambda g: g[0])
    best = min(((seconds_of(g[3], given.repeat), *g[1:3]) for g in good[:3]), key=lambda g: g[0])
    print("%s | %s | %.3g | %.4g" % (method, text(best[2]), best[1], 1e3 * best[0] / n_sample))


if __name__ == "__main__":
    main()
