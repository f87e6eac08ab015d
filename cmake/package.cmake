# A Debian package of what is installed: `cmake --preset package && cmake --build --preset package`, then `cpack` in
# build/package. Its dependencies are found by dpkg-shlibdeps; besides, the OpenMP variant of OpenBLAS, which the
# library looks for first, and ncgen, which reads CDL.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pdemoe)
set(CPACK_PACKAGE_VENDOR pdemoe)
set(CPACK_PACKAGE_CONTACT "The pdemoe authors <authors@pdemoe.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
"pdemoe trains and runs neural PDE solvers. A constrained solve of the equations,
which are given as text, is the last layer of the network. It has a program, a
library with a header for C, and modules for Fortran.")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libopenblas0-openmp, netcdf-bin")
# For programs that link it: the static library, and the headers of what it stands on, are wanted by few.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "gcc, pkgconf, libnetcdf-dev, libudunits2-dev, libopenblas-openmp-dev, liblapacke-dev")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
