#!/usr/bin/env python3
"""A parameter study: the decay of README.md for a thousand rates at once.

Trains the case, or reads the model where the file is there; predicts for `--samples` rates k and a few starts u0; says
which answers to distrust; writes study-fields.nc where xarray can, and study.png where Matplotlib is there.

    python3 examples/parameter_study.py decay.nc
"""

from __future__ import annotations

import argparse
import os
import time
from typing import List, Optional

import numpy as np
import xarray

import pdemoe

CASE = {
    "pde:fields": "u",
    "pde.parameters:D": 0.01,
    "pde.residuals:u": "dt(u) - dx(D*dx(u)) + k*u^2",
    "pde.initial:u": "u0",
    "pde.boundary:x_min": "u = u0 + (1 - u0)*(1 - exp(-t))",
    "pde.boundary:x_max": "flux(u) = 0",
    "inputs.u0:distribution": "uniform(0, 0.2)",
    "inputs.k:distribution": "uniform(0.5, 2)",
    "domain:dimensions": "t x",
    "domain.t:extent": [0, 5],
    "domain.t:control_points": 14,
    "domain.x:extent": [0, 1],
    "domain.x:control_points": 16,
    "domain.x:experts": 2,
}


def trained(path: str, steps: int) -> pdemoe.Model:
    """The model of the file, or a new one."""
    if os.path.exists(path):
        return pdemoe.Model(path)
    with pdemoe.Case() as case:
        return case.update(CASE).train(path, steps=steps)


def study(model: pdemoe.Model, samples: int) -> xarray.Dataset:
    """Fields at a few times for all pairs of u0 and k."""
    k = model.inputs["k"]
    sweep = xarray.Dataset(coords={"u0": [0.05, 0.15], "k": np.linspace(k.low, k.high, samples // 2),
                                   "t": [1.0, 2.5, 5.0]})
    start = time.perf_counter()
    fields = model.predict(sweep)
    seconds = time.perf_counter() - start
    doubted = int((fields.verdict > 1).sum())
    print("%d inputs in %.2f s, %.2f ms each; %d answers to distrust"
          % (fields.verdict.size, seconds, 1e3 * seconds / fields.verdict.size, doubted))
    return fields


def draw(fields: xarray.Dataset, path: str) -> None:
    """What is left in the domain at the end, by k; and profiles."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no Matplotlib, no picture")
        return
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    fields.u.mean("x").isel(t=-1).plot.line(x="k", ax=left)
    fields.u.isel(u0=0, t=-1).plot(ax=right)
    figure.savefig(path)
    print("picture:", path)


def main(arguments: Optional[List[str]] = None) -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="model file, read or made")
    parser.add_argument("--steps", type=int, default=200, help="of training")
    parser.add_argument("--samples", type=int, default=1000, help="inputs")
    chosen = parser.parse_args(arguments)
    with trained(chosen.model, chosen.steps) as model:
        fields = study(model, chosen.samples)
    draw(fields, "study.png")
    try:
        fields.to_netcdf("study-fields.nc")
    except (ValueError, ImportError):
        print("xarray has nothing to write NetCDF with (netCDF4, h5netcdf or SciPy)")


if __name__ == "__main__":
    main()
