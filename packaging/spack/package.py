# Recipe for Spack, to be put into a repository of packages as packages/pdemoe/package.py. It waits for a release: the
# version has neither an archive nor a checksum yet, so only `spack dev-build` of a checkout can build it.

from spack.package import *


class Pdemoe(CMakePackage):
    """Neural PDE solvers whose answer obeys the PDE: a constrained solve of the equations is the last layer."""

    license("Apache-2.0")

    version("0.1.0")

    variant("shared", default=True, description="A shared library, with a static one beside it")
    variant("plot", default=True, description="pdemoe plot, by Cairo")
    variant("lines", default=False, description="The method of lines for pdemoe reference, by SUNDIALS")
    variant("mpi", default=False, description="Several processes, by MPI")

    depends_on("c", type="build")
    depends_on("cmake@3.24:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("netcdf-c", type=("build", "link", "run"))  # ncgen reads cases at run time
    depends_on("udunits@2:")
    depends_on("openblas threads=openmp")
    depends_on("random123", type="build")
    depends_on("xxhash", type="build")
    depends_on("cairo+png+svg+pdf", when="+plot")
    depends_on("sundials@6+ida+klu", when="+lines")
    depends_on("mpi", when="+mpi")

    def cmake_args(self):
        return [
            self.define_from_variant("BUILD_SHARED_LIBS", "shared"),
            self.define_from_variant("PDM_CAIRO", "plot"),
            self.define_from_variant("PDM_SUNDIALS", "lines"),
            self.define_from_variant("PDM_MPI", "mpi"),
            self.define("PDM_CUDA", "OFF"),
            self.define("PDM_FORTRAN", "OFF"),
            self.define("BUILD_TESTING", False),
        ]
