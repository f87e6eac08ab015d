"""Disc, annulus and L: linear finite elements with as many unknowns as a polish has, and the errors of both.

usage: bench/geometry.py [PDEMOE]    needs NumPy, SciPy and netCDF4 (Debian: python3-scipy python3-netcdf4)

Both are compared at the points of pdemoe's output that lie inside: relative L2 error. The elements are triangles of a
Delaunay triangulation of points on rings (L: of a grid), integrated with the rule of edge middles, exact for degree 2.
"""
import math
import subprocess
import sys
import tempfile

import netCDF4
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from scipy.spatial import Delaunay

PDEMOE = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/pdemoe"
CASE = """netcdf shape {{
group: pde {{ :fields = "u" ; group: definitions {{ :e = "{exact}" ; }} group: residuals {{ :u = "{residual}" ; }}
  {boundary} }}
group: geometry {{ :inside = "{inside}" ; {curves} }}
group: domain {{ :dimensions = "x y" ;
  group: x {{ :extent = {low}, {high} ; :control_points = {n} ; {more} }}
  group: y {{ :extent = {low}, {high} ; :control_points = {n} ; {more} }} }}
}}
"""


def polish(case, n):
    """Number of unknowns, coordinates, field."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = folder + "/shape.cdl", folder + "/out.nc"
        with open(path, "w") as f:
            f.write(CASE.format(**{"more": "", "boundary": "", **case, "n": n}))
        said = subprocess.run([PDEMOE, "polish", path, "-o", out], capture_output=True, text=True)
        if said.returncode not in (0, 11):
            sys.exit(said.stdout + said.stderr)
        unknowns = int(said.stdout.split(" free coefficients")[0].split()[-1])
        with netCDF4.Dataset(out) as d:
            return unknowns, d["x"][:].filled(), d["y"][:].filled(), d["u"][0].filled(np.nan)


def elements(points, is_inside, source, exact, is_edge):
    """Nodal values of linear elements for -lap(u) = source, u = exact at the edge."""
    triangle = Delaunay(points).simplices
    triangle = triangle[is_inside(*points[triangle].mean(axis=1).T)]
    a, b, c = (points[triangle[:, k]] for k in range(3))
    area = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    keep = abs(area) > 1e-12
    triangle, a, b, c, area = triangle[keep], a[keep], b[keep], c[keep], area[keep]
    opposite = np.stack([c - b, a - c, b - a], axis=1)
    local = np.einsum("tik,tjk->tij", opposite, opposite) / (4 * abs(area))[:, None, None]
    n = len(points)
    rows, columns = np.repeat(triangle, 3, axis=1).ravel(), np.tile(triangle, (1, 3)).ravel()
    stiffness = coo_matrix((local.ravel(), (rows, columns)), shape=(n, n)).tocsr()
    load = np.zeros(n)
    f = [source(*((p + q) / 2).T) * abs(area) / 6 for p, q in ((b, c), (c, a), (a, b))]
    for k in range(3):
        np.add.at(load, triangle[:, k], f[(k + 1) % 3] + f[(k + 2) % 3])
    edge = is_edge(*points.T)
    u = np.where(edge, exact(*points.T), 0.0)
    free = ~edge & (np.bincount(triangle.ravel(), minlength=n) > 0)
    u[free] = spsolve(stiffness[free][:, free], (load - stiffness @ u)[free])
    return int(free.sum()), LinearNDInterpolator(Delaunay(points), u)


def rings(inner, n_unknown):
    """Points on circles from `inner` to 1, about n_unknown of them between."""
    h = math.sqrt((math.pi * (1 - inner**2)) / n_unknown)
    n = max(2, round((1 - inner) / h))
    out = [] if inner else [(0.0, 0.0)]
    for k in range(0 if inner else 1, n + 1):
        r = inner + (1 - inner) * k / n
        m = max(6, round(2 * math.pi * r / h))
        out += [(r * math.cos(2 * math.pi * (i + 0.5 * (k % 2)) / m), r * math.sin(2 * math.pi * (i + 0.5 * (k % 2)) / m)) for i in range(m)]
    return np.array(out)


def grid(n_unknown):
    """Points of the square with side 2, about n_unknown of them inside an L."""
    n = 2 * round(math.sqrt(n_unknown / 3)) + 1
    x = np.linspace(-1, 1, n)
    return np.array([(p, q) for p in x for q in x if p < 1e-9 or q > -1e-9])


def corner(x, y):
    return (x * x + y * y) ** (1 / 3) * np.sin(2 / 3 * np.mod(np.arctan2(y, x), 2 * np.pi))


CORNER = "(x^2 + y^2 + 1e-30)^(1/3)*sin(pi/2 + 4/3*atan((0 - x - y)/(sqrt(2*(x^2 + y^2) + 1e-30) + y - x)))"
SHAPES = {
    "disc": (
        dict(exact="(1 - x^2 - y^2)*sin(3*x + y + 1)", residual="-lap(u) + lap(e)", inside="x^2 + y^2 < 1",
             curves=':rim = "u = 0 on x^2 + y^2 = 1" ;', low=-1.1, high=1.1),
        lambda x, y: (1 - x * x - y * y) * np.sin(3 * x + y + 1),
        lambda x, y: 4 * np.sin(3 * x + y + 1) + 4 * (3 * x + y) * np.cos(3 * x + y + 1)
        + 10 * (1 - x * x - y * y) * np.sin(3 * x + y + 1),
        lambda n: rings(0.0, n), lambda x, y: x * x + y * y < 1, lambda x, y: x * x + y * y > 1 - 1e-9),
    "annulus": (
        dict(exact="log(x^2 + y^2)/log(0.09)", residual="-lap(u)", inside="x^2 + y^2 < 1 and x^2 + y^2 > 0.09",
             curves=':rim = "u = 0 on x^2 + y^2 = 1" ; :hole = "u = 1 on x^2 + y^2 = 0.09" ;', low=-1.1, high=1.1),
        lambda x, y: np.log(x * x + y * y) / math.log(0.09), lambda x, y: 0 * x,
        lambda n: rings(0.3, n), lambda x, y: (x * x + y * y < 1) & (x * x + y * y > 0.0899 * 0.97),
        lambda x, y: (x * x + y * y > 1 - 1e-9) | (x * x + y * y < 0.09 + 1e-9)),
    # Its residual times r^2, which makes the square of it integrable, and knots that gather at the corner.
    "L": (
        dict(exact=CORNER, residual="-(x^2 + y^2)*lap(u)", inside="x < 0 or y > 0",
             curves=':corner = "u = 0 on boundary" ;', low=-1, high=1,
             boundary='group: boundary { :x_min = "u = e" ; :x_max = "u = e" ; :y_min = "u = e" ; :y_max = "u = e" ; }'),
        corner, lambda x, y: 0 * x, grid, lambda x, y: (x < 0) | (y > 0),
        lambda x, y: (abs(x) > 1 - 1e-9) | (abs(y) > 1 - 1e-9) | ((abs(y) < 1e-9) & (x > -1e-9)) | ((abs(x) < 1e-9) & (y < 1e-9))),
}


def main():
    print("shape    points  unknowns  polished  order   elements  order   ratio")
    for name, (case, exact, source, points, is_inside, is_edge) in SHAPES.items():
        before = None
        for n in (12, 20, 28, 40):
            if name == "L":
                case = {**case, "more": ':map = "sinh 0 %g" ;' % (6)}
            unknowns, x, y, u = polish(case, n)
            p, q = np.meshgrid(x, y, indexing="ij")
            there = ~np.isnan(u)
            truth = exact(p[there], q[there])
            count, linear = elements(points(unknowns), is_inside, source, exact, is_edge)
            theirs = linear(p[there], q[there])
            seen = ~np.isnan(theirs)
            errors = (np.linalg.norm(u[there] - truth) / np.linalg.norm(truth),
                      np.linalg.norm((theirs - truth)[seen]) / np.linalg.norm(truth[seen]))
            now = (unknowns, *errors)
            order = [2 * math.log(before[k] / now[k]) / math.log(now[0] / before[0]) if before else math.nan for k in (1, 2)]
            print(f"{name:8} {n:6} {unknowns:9} {errors[0]:9.2e} {order[0]:6.2f} {errors[1]:10.2e} {order[1]:6.2f} "
                  f"{errors[1] / errors[0]:7.0f}   ({count} in elements)")
            before = now


main()
