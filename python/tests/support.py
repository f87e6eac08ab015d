"""A small case, and a model of it, trained for a few steps once a process."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import tempfile

import pdemoe

logging.getLogger("pdemoe").addHandler(logging.NullHandler())  # models of three steps are warned of
FOLDER = tempfile.TemporaryDirectory(prefix="pdemoe-test-")
atexit.register(FOLDER.cleanup)

SMALL = {"surrogate:width": 4, "surrogate:layers": 1, "surrogate:hidden": 4, "surrogate:modes": 2, "experts:basis": 24,
         "training:batch": 2, "training:steps": 3}


def path(name: str) -> str:
    """A file in the scratch folder."""
    return os.path.join(FOLDER.name, name)


def heat(**settings: object) -> pdemoe.Case:
    """Heat between walls at 0: u(t, x) of an amplitude a and a diffusivity D, with units."""
    case = pdemoe.Case(threads=1)
    case.update({
        ":title": "heat", "pde:fields": "u", "pde.residuals:u": "dt(u) - dx(D*dx(u))",
        "pde.initial:u": "a*sin(pi*x/L)", "pde.boundary:x_min": "u = 0", "pde.boundary:x_max": "u = 0",
        "pde.parameters:L": 1.0, "pde.units:u": "K", "pde.units:t": "s", "pde.units:x": "m", "pde.units:L": "m",
        "inputs.a:distribution": "uniform(0.5, 1.5)", "inputs.a:units": "K", "inputs.a:long_name": "amplitude",
        "inputs.D:distribution": "list(0.1, 0.2)", "inputs.D:units": "m2 s-1", "domain:dimensions": "t x",
        "domain.t:extent": [0.0, 1.0], "domain.t:control_points": 8, "domain.x:extent": [0.0, 1.0],
        "domain.x:control_points": 10, **SMALL,
    })
    return case.update({key.replace("__", ":"): value for key, value in settings.items()})


def profile() -> pdemoe.Case:
    """The same for a field as input: u0(x)."""
    case = pdemoe.Case(threads=1)
    return case.update({
        "pde:fields": "u", "pde.residuals:u": "dt(u) - dx(0.1*dx(u))", "pde.initial:u": "s*u0",
        "pde.boundary:x_min": "u = 0", "pde.boundary:x_max": "u = 0", "inputs.s:distribution": "uniform(0.5, 1.5)",
        "inputs.u0:distribution": "gaussian_field(length=0.4, kind=dirichlet)", "inputs.u0:dimensions": "x",
        "domain:dimensions": "t x", "domain.t:extent": [0.0, 1.0], "domain.t:control_points": 8,
        "domain.x:extent": [0.0, 1.0], "domain.x:control_points": 10, **SMALL,
    })


@functools.lru_cache(maxsize=None)
def heat_file() -> str:
    """A model of heat in a file."""
    with heat() as case:
        case.train(path("heat.nc"), progress=None).close()
    return path("heat.nc")


@functools.lru_cache(maxsize=None)
def profile_file() -> str:
    """A model of profile in a file."""
    with profile() as case:
        case.train(path("profile.nc"), progress=None).close()
    return path("profile.nc")
