# The parts pdemoe stands on. A part is found once a small program that uses it has compiled and linked, and it suits
# us. Each is offered as one target; each adds a line to the table printed at the end and to pdm_build_info().

include(CheckCSourceCompiles)
include(CheckCSourceRuns)
find_package(PkgConfig REQUIRED)

set(PDM_PARTS "")
set(PDM_PART_WIDTHS 10 7 58 0)
set(PDM_PART_LINES "")

# Adds a row: part, version, what was found, what follows from it.
function(pdm_part part version found follows)
  set(row "")
  foreach(cell width IN ZIP_LISTS ARGV PDM_PART_WIDTHS)
    string(LENGTH "${cell}" length)
    set(blanks "")
    if(length LESS width)
      math(EXPR blanks "${width} - ${length}")
      string(REPEAT " " ${blanks} blanks)
    endif()
    string(APPEND row "  ${cell}${blanks}")
  endforeach()
  string(STRIP "${row}" row)
  set(PDM_PARTS "${PDM_PARTS}  ${row}\n" PARENT_SCOPE)
  set(PDM_PART_LINES "${PDM_PART_LINES}\"${part} ${version}\\n\" \\\n    " PARENT_SCOPE)
endfunction()

function(pdm_print_parts)
  set(all "${PDM_PARTS}")
  set(PDM_PARTS "")
  pdm_part(part version found "what follows")
  message(STATUS "pdemoe ${PROJECT_VERSION}, ${CMAKE_BUILD_TYPE}, "
                 "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}\n\n${PDM_PARTS}${all}")
endfunction()

# Compiles and links `source` with `target`; stops with `advice` where it does not.
function(pdm_need part target advice source)
  set(CMAKE_REQUIRED_LIBRARIES ${target})
  check_c_source_compiles("${source}" PDM_${part}_WORKS)
  if(NOT PDM_${part}_WORKS)
    unset(PDM_${part}_WORKS CACHE)
    message(FATAL_ERROR "${part}: a small program that uses it does not compile. ${advice}")
  endif()
endfunction()

# ---- threads ----
find_package(OpenMP REQUIRED COMPONENTS C)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
pdm_part(OpenMP ${OpenMP_C_VERSION} "${OpenMP_C_FLAGS}" "OpenBLAS on one thread wherever it is called")
pdm_part(threads "" "${CMAKE_THREAD_LIBS_INIT}" "over samples and experts")

# ---- NetCDF ----
pkg_check_modules(NETCDF REQUIRED IMPORTED_TARGET netcdf)
add_library(pdm::netcdf INTERFACE IMPORTED)
target_link_libraries(pdm::netcdf INTERFACE PkgConfig::NETCDF)
pdm_need(NetCDF pdm::netcdf "Debian: apt-get install libnetcdf-dev"
  "#include <netcdf.h>
   int main(void) { int id; return nc_create(\"x\", NC_NETCDF4, &id); }")
pdm_part(NetCDF ${NETCDF_VERSION} "${NETCDF_LINK_LIBRARIES}" "cases, fields and models as NetCDF-4")
find_program(PDM_NCGEN ncgen)
if(PDM_NCGEN)
  pdm_part(ncgen "" "${PDM_NCGEN}" "cases as CDL text")
else()
  pdm_part(ncgen "--" "not found" "CDL text needs it at run time (Debian: netcdf-bin)")
endif()

# ---- UDUNITS ----
pkg_check_modules(UDUNITS IMPORTED_TARGET udunits)
add_library(pdm::udunits INTERFACE IMPORTED)
if(UDUNITS_FOUND)
  target_link_libraries(pdm::udunits INTERFACE PkgConfig::UDUNITS)
else()
  find_library(UDUNITS_LINK_LIBRARIES udunits2 REQUIRED)
  find_path(UDUNITS_INCLUDE_DIR udunits2.h PATH_SUFFIXES udunits2 REQUIRED)
  target_link_libraries(pdm::udunits INTERFACE ${UDUNITS_LINK_LIBRARIES})
  target_include_directories(pdm::udunits INTERFACE ${UDUNITS_INCLUDE_DIR})
  set(UDUNITS_VERSION 2)
endif()
pdm_need(UDUNITS pdm::udunits "Debian: apt-get install libudunits2-dev"
  "#include <udunits2.h>
   int main(void) { ut_system *s = ut_read_xml(0); ut_free_system(s); return 0; }")
pdm_part(UDUNITS ${UDUNITS_VERSION} "${UDUNITS_LINK_LIBRARIES}" "units are checked and converted")

# ---- OpenBLAS and LAPACKE ----
# The variants (serial, pthread, OpenMP) share one soname, and the system's choice is usually pthread: the OpenMP variant
# is taken from its own folder. DT_RPATH (not RUNPATH) is asked for because it also steers what liblapacke needs
# (libblas.so.3, liblapack.so.3) to that folder. The serial variant gives wrong numbers when called from OpenMP threads:
# refused.
find_library(PDM_OPENBLAS NAMES openblas
  PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}
  REQUIRED)
get_filename_component(PDM_OPENBLAS_FOLDER "${PDM_OPENBLAS}" DIRECTORY)
find_path(PDM_OPENBLAS_INCLUDE openblas_config.h
  PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE} openblas
  REQUIRED)
find_library(PDM_LAPACKE lapacke REQUIRED)
find_path(PDM_LAPACKE_INCLUDE lapacke.h REQUIRED)
add_library(pdm::blas INTERFACE IMPORTED)
target_link_libraries(pdm::blas INTERFACE ${PDM_OPENBLAS} ${PDM_LAPACKE})
target_include_directories(pdm::blas INTERFACE ${PDM_OPENBLAS_INCLUDE} ${PDM_LAPACKE_INCLUDE})
target_link_options(pdm::blas INTERFACE -Wl,--disable-new-dtags)
pdm_need(OpenBLAS pdm::blas "Debian: apt-get install libopenblas-openmp-dev liblapacke-dev"
  "#include <cblas.h>
   #include <lapacke.h>
   int main(void) {
     double a = 4.0;
     return LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', 1, &a, 1) + (int)cblas_dasum(1, &a, 1) + openblas_get_parallel();
   }")
set(CMAKE_REQUIRED_LIBRARIES pdm::blas OpenMP::OpenMP_C)
set(CMAKE_REQUIRED_LINK_OPTIONS -Wl,-rpath,${PDM_OPENBLAS_FOLDER})
set(blas_probe
  "#include <cblas.h>
   #include <lapacke.h>
   int main(void) {
     double a = 4.0;
     LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', 1, &a, 1);
     return !(a == 2.0 && openblas_get_parallel() == PARALLEL);
   }")
string(REPLACE PARALLEL 2 blas_openmp_probe "${blas_probe}")
string(REPLACE PARALLEL 1 blas_pthread_probe "${blas_probe}")
check_c_source_runs("${blas_openmp_probe}" PDM_OPENBLAS_OPENMP)
if(PDM_OPENBLAS_OPENMP)
  set(blas_follows "OpenMP variant: threads are shared with the rest")
else()
  check_c_source_runs("${blas_pthread_probe}" PDM_OPENBLAS_PTHREAD)
  if(NOT PDM_OPENBLAS_PTHREAD)
    message(FATAL_ERROR "OpenBLAS: ${PDM_OPENBLAS} is the serial variant, not safe to call from OpenMP threads. "
                        "Debian: apt-get install libopenblas-openmp-dev")
  endif()
  set(blas_follows "pthread variant: right, but slower on large matrices")
endif()
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
file(STRINGS ${PDM_OPENBLAS_INCLUDE}/openblas_config.h blas_version REGEX "define OPENBLAS_VERSION")
string(REGEX REPLACE ".*OpenBLAS ([0-9.]+).*" "\\1" blas_version "${blas_version}")
pdm_part(OpenBLAS ${blas_version} "${PDM_OPENBLAS}" "${blas_follows}")
pdm_part(LAPACKE "" "${PDM_LAPACKE}" "")

# ---- header-only parts ----
# name, target, header, Debian package, program
function(pdm_header_part part target header package source)
  find_path(PDM_${part}_INCLUDE ${header})
  if(NOT PDM_${part}_INCLUDE)
    message(FATAL_ERROR "${part}: ${header} not found. Debian: apt-get install ${package}")
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} INTERFACE ${PDM_${part}_INCLUDE})
  pdm_need(${part} ${target} "Debian: apt-get install ${package}" "${source}")
endfunction()

pdm_header_part(Random123 pdm::random123 Random123/philox.h librandom123-dev
  "#include <Random123/philox.h>
   int main(void) {
     philox4x32_ctr_t c = {{0}};
     philox4x32_key_t k = {{0}};
     return philox4x32(c, k).v[0] != 0x6627e8d5u;
   }")
pdm_part(Random123 "" "${PDM_Random123_INCLUDE}/Random123" "counter-based random numbers")

pdm_header_part(xxHash pdm::xxhash xxhash.h libxxhash-dev
  "#define XXH_INLINE_ALL
   #include <xxhash.h>
   int main(void) { return (int)XXH3_128bits(\"a\", 1).low64; }")
file(STRINGS ${PDM_xxHash_INCLUDE}/xxhash.h xxhash_version REGEX "define XXH_VERSION_(MAJOR|MINOR|RELEASE) ")
string(REGEX REPLACE "XXH|[^;0-9]" "" xxhash_version "${xxhash_version}")
list(JOIN xxhash_version "." xxhash_version)
pdm_part(xxHash ${xxhash_version} "${PDM_xxHash_INCLUDE}/xxhash.h" "model files carry a hash")

# ---- METIS (optional) ----
find_library(PDM_METIS metis)
find_path(PDM_METIS_INCLUDE metis.h)
add_library(pdm::metis INTERFACE IMPORTED)
if(PDM_METIS AND PDM_METIS_INCLUDE)
  set(CMAKE_REQUIRED_LIBRARIES ${PDM_METIS})
  set(CMAKE_REQUIRED_INCLUDES ${PDM_METIS_INCLUDE})
  check_c_source_compiles(
    "#include <metis.h>
     int main(void) { idx_t o[METIS_NOPTIONS]; return (IDXTYPEWIDTH == 32 ? 0 : 1) + METIS_SetDefaultOptions(o); }"
    PDM_METIS_WORKS)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_INCLUDES)
endif()
if(PDM_METIS_WORKS)
  target_link_libraries(pdm::metis INTERFACE ${PDM_METIS})
  target_include_directories(pdm::metis INTERFACE ${PDM_METIS_INCLUDE})
  target_compile_definitions(pdm::metis INTERFACE PDM_HAVE_METIS)
  file(STRINGS ${PDM_METIS_INCLUDE}/metis.h metis_version REGEX "define METIS_VER_(MAJOR|MINOR|SUBMINOR) ")
  string(REGEX REPLACE "[^;0-9]" "" metis_version "${metis_version}")
  list(JOIN metis_version "." metis_version)
  pdm_part(METIS ${metis_version} "${PDM_METIS}" "nested dissection orders the block factor")
else()
  pdm_part(METIS "--" "not found (metis.h, libmetis)" "minimum degree orders the block factor")
endif()

# ---- Cairo (optional; the program alone links it) ----
if(NOT PDM_CAIRO MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "PDM_CAIRO is \"${PDM_CAIRO}\"; AUTO, ON or OFF expected")
endif()
set(PDM_HAVE_CAIRO OFF)
set(cairo_found "not found (cairo.h, libcairo; Debian: libcairo2-dev)")
if(PDM_CAIRO STREQUAL "OFF")
  set(cairo_found "not looked for (PDM_CAIRO=OFF)")
else()
  pkg_check_modules(CAIRO IMPORTED_TARGET cairo cairo-png cairo-svg cairo-pdf)
endif()
if(CAIRO_FOUND AND NOT PDM_CAIRO STREQUAL "OFF")
  set(CMAKE_REQUIRED_LIBRARIES PkgConfig::CAIRO)
  check_c_source_compiles(
    "#include <cairo.h>
     #include <cairo-pdf.h>
     #include <cairo-svg.h>
     static cairo_status_t put(void *u, const unsigned char *d, unsigned n) { (void)u; (void)d; (void)n; return CAIRO_STATUS_SUCCESS; }
     int main(void) {
       cairo_surface_t *s = cairo_svg_surface_create_for_stream(put, 0, 1, 1);
       cairo_pdf_surface_set_metadata(cairo_pdf_surface_create_for_stream(put, 0, 1, 1), CAIRO_PDF_METADATA_TITLE, 0);
       return (int)cairo_surface_write_to_png_stream(s, put, 0);
     }"
    PDM_CAIRO_WORKS)
  unset(CMAKE_REQUIRED_LIBRARIES)
  if(PDM_CAIRO_WORKS)
    set(PDM_HAVE_CAIRO ON)
  else()
    set(cairo_found "a small program that uses it does not compile")
    unset(PDM_CAIRO_WORKS CACHE)
  endif()
endif()
if(PDM_HAVE_CAIRO)
  add_library(pdm::cairo INTERFACE IMPORTED)
  target_link_libraries(pdm::cairo INTERFACE PkgConfig::CAIRO)
  list(FILTER CAIRO_LINK_LIBRARIES INCLUDE REGEX "cairo")
  pdm_part(Cairo ${CAIRO_cairo_VERSION} "${CAIRO_LINK_LIBRARIES}" "pdemoe plot draws PNG, SVG, PDF")
elseif(PDM_CAIRO STREQUAL "ON")
  message(FATAL_ERROR "PDM_CAIRO=ON, but Cairo: ${cairo_found}. Debian: apt-get install libcairo2-dev")
else()
  pdm_part(Cairo "--" "${cairo_found}" "pdemoe plot says what is missing")
endif()

# ---- SUNDIALS: IDA and its KLU linear solver (optional; lines/ alone uses it) ----
# Of release 6: 7 changed how errors are reported. KLU (SuiteSparse, LGPL) comes with the solver that is linked to it.
if(NOT PDM_SUNDIALS MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "PDM_SUNDIALS is \"${PDM_SUNDIALS}\"; AUTO, ON or OFF expected")
endif()
set(PDM_HAVE_SUNDIALS OFF)
set(sundials_found "not found (ida/ida.h, libsundials_ida, libsundials_sunlinsolklu; Debian: libsundials-dev)")
if(PDM_SUNDIALS STREQUAL "OFF")
  set(sundials_found "not looked for (PDM_SUNDIALS=OFF)")
else()
  find_path(PDM_SUNDIALS_INCLUDE ida/ida.h)
  find_path(PDM_KLU_INCLUDE klu.h PATH_SUFFIXES suitesparse)
  set(sundials_libraries "")
  foreach(name IN ITEMS ida nvecserial sunmatrixsparse sunlinsolklu)
    find_library(PDM_SUNDIALS_${name} sundials_${name})
    list(APPEND sundials_libraries ${PDM_SUNDIALS_${name}})
  endforeach()
  if(PDM_SUNDIALS_INCLUDE AND PDM_KLU_INCLUDE AND PDM_SUNDIALS_ida AND PDM_SUNDIALS_nvecserial AND
     PDM_SUNDIALS_sunmatrixsparse AND PDM_SUNDIALS_sunlinsolklu)
    file(STRINGS ${PDM_SUNDIALS_INCLUDE}/sundials/sundials_config.h sundials_version REGEX "define SUNDIALS_VERSION \"")
    string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" sundials_version "${sundials_version}")
    set(CMAKE_REQUIRED_LIBRARIES ${sundials_libraries})
    set(CMAKE_REQUIRED_INCLUDES ${PDM_SUNDIALS_INCLUDE} ${PDM_KLU_INCLUDE})
    check_c_source_compiles(
      "#include <ida/ida.h>
       #include <nvector/nvector_serial.h>
       #include <sunlinsol/sunlinsol_klu.h>
       #include <sunmatrix/sunmatrix_sparse.h>
       #if SUNDIALS_VERSION_MAJOR != 6 || !defined(SUNDIALS_DOUBLE_PRECISION)
       #error release 6 in double precision expected
       #endif
       int main(void) {
         SUNContext s = 0;
         if (SUNContext_Create(0, &s)) return 1;
         N_Vector y = N_VNew_Serial(1, s);
         SUNLinearSolver l = SUNLinSol_KLU(y, SUNSparseMatrix(1, 1, 1, CSR_MAT, s), s);
         void *m = IDACreate(s);
         return IDASetErrHandlerFn(m, 0, 0) + IDASetLinearSolver(m, l, 0) + IDACalcIC(m, IDA_YA_YDP_INIT, 1.0);
       }"
      PDM_SUNDIALS_WORKS)
    unset(CMAKE_REQUIRED_LIBRARIES)
    unset(CMAKE_REQUIRED_INCLUDES)
    if(PDM_SUNDIALS_WORKS)
      set(PDM_HAVE_SUNDIALS ON)
    else()
      set(sundials_found "${sundials_version} does not suit: release 6 in double precision expected")
      unset(PDM_SUNDIALS_WORKS CACHE)
    endif()
  endif()
endif()
if(PDM_HAVE_SUNDIALS)
  add_library(pdm::sundials INTERFACE IMPORTED)
  target_link_libraries(pdm::sundials INTERFACE ${sundials_libraries})
  target_include_directories(pdm::sundials INTERFACE ${PDM_SUNDIALS_INCLUDE} ${PDM_KLU_INCLUDE})
  pdm_part(SUNDIALS ${sundials_version} "${PDM_SUNDIALS_ida}" "pdemoe reference --method lines")
elseif(PDM_SUNDIALS STREQUAL "ON")
  message(FATAL_ERROR "PDM_SUNDIALS=ON, but SUNDIALS: ${sundials_found}. Debian: apt-get install libsundials-dev")
else()
  pdm_part(SUNDIALS "--" "${sundials_found}" "pdemoe reference has the refined polish alone")
endif()

# ---- back ends of later versions ----
foreach(part IN ITEMS CUDA MPI NCCL)
  if(NOT PDM_${part} MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "PDM_${part} is \"${PDM_${part}}\"; AUTO, ON or OFF expected")
  elseif(PDM_${part} STREQUAL "ON")
    message(FATAL_ERROR "PDM_${part}=ON: pdemoe ${PROJECT_VERSION} has no ${part} back end; use AUTO or OFF")
  endif()
  pdm_part(${part} "--" "not looked for (PDM_${part}=${PDM_${part}})" "this version has no ${part} back end")
endforeach()

# ---- tests ----
if(BUILD_TESTING)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
  pdm_part(Check ${CHECK_VERSION} "${CHECK_INCLUDEDIR}/check.h" "tests are built")
  find_program(PDM_CXX NAMES c++ g++ clang++)
  if(PDM_CXX)
    pdm_part(C++ "" "${PDM_CXX}" "the public header is tested as C++17")
  else()
    pdm_part(C++ "--" "not found" "the public header is not tested as C++17")
  endif()
endif()
