# The parts pdemoe stands on. A part is found once a small program that uses it has compiled and linked, and it suits
# us. Each is offered as one target; each adds a line to the table printed at the end and to pdm_build_info(). Required
# parts that are missing are told together, in pdm_stop_at_missing_parts().
# A target's property PDM_INSTALLED_LINK is what a program needs to link with an installed static pdemoe.

include(CheckCSourceCompiles)
include(CheckCSourceRuns)
find_package(PkgConfig)

set(PDM_PARTS "")
set(PDM_PART_WIDTHS 10 8 58 0)
set(PDM_PART_LINES "")
set(PDM_MISSING "")          # required parts
set(PDM_MISSING_PACKAGES "") # their Debian packages

# Adds a row: part, version, what was found, what follows from it.
macro(pdm_part part version found follows)
  set(row "")
  pdm_add_cell(row "${part}" 0)
  pdm_add_cell(row "${version}" 1)
  pdm_add_cell(row "${found}" 2)
  pdm_add_cell(row "${follows}" 3)
  string(STRIP "${row}" row)
  string(APPEND PDM_PARTS "    ${row}\n")
  string(APPEND PDM_PART_LINES "\"${part} ${version}\\n\" \\\n    ")
endmacro()

function(pdm_add_cell out cell column)
  list(GET PDM_PART_WIDTHS ${column} width)
  string(LENGTH "${cell}" length)
  set(blanks "")
  if(length LESS width)
    math(EXPR blanks "${width} - ${length}")
    string(REPEAT " " ${blanks} blanks)
  endif()
  set(${out} "${${out}}  ${cell}${blanks}" PARENT_SCOPE)
endfunction()

function(pdm_print_parts)
  set(all "${PDM_PARTS}")
  set(PDM_PARTS "")
  pdm_part(part version found "what follows")
  message(STATUS "pdemoe ${PROJECT_VERSION}, ${CMAKE_BUILD_TYPE}, "
                 "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}\n\n${PDM_PARTS}${all}")
endfunction()

# A required part that is not there, or does not suit: why, and the Debian package that has it.
macro(pdm_miss part why package)
  string(REPLACE ";" ", " packages "${package}")
  pdm_part("${part}" "--" "${why}" "required (Debian: ${packages})")
  list(APPEND PDM_MISSING "${part}")
  list(APPEND PDM_MISSING_PACKAGES ${package})
endmacro()

function(pdm_stop_at_missing_parts)
  if(NOT PDM_MISSING)
    return()
  endif()
  pdm_print_parts()
  list(REMOVE_DUPLICATES PDM_MISSING_PACKAGES)
  list(JOIN PDM_MISSING ", " parts)
  list(JOIN PDM_MISSING_PACKAGES " " packages)
  message(FATAL_ERROR "pdemoe needs what this machine lacks: ${parts}; the table above says what was looked for.\n"
    "On Debian, as root:\n"
    "  apt-get install --no-install-recommends ${packages}\n"
    "Elsewhere, install them where the compiler looks, or name where they are:\n"
    "  cmake -DCMAKE_PREFIX_PATH=/folder/of/them ...\n"
    "then configure again.")
endfunction()

# Compiles and links `source` with `target`: is it as we need it? A failure is not kept: the next try looks again.
function(pdm_try part target source)
  set(CMAKE_REQUIRED_LIBRARIES ${target})
  set(CMAKE_REQUIRED_QUIET ON)
  check_c_source_compiles("${source}" PDM_${part}_WORKS)
  if(NOT PDM_${part}_WORKS)
    unset(PDM_${part}_WORKS CACHE)
  endif()
endfunction()

# AUTO, ON or OFF: whether an optional part is looked for. What was found stays in ${part}_found, to be told.
macro(pdm_optional part looked_for package)
  if(NOT PDM_${part} MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "PDM_${part} is \"${PDM_${part}}\"; AUTO, ON or OFF expected")
  endif()
  set(PDM_HAVE_${part} OFF)
  set(${part}_found "not found (${looked_for}; Debian: ${package})")
  if(NOT PKG_CONFIG_FOUND)
    set(${part}_found "not found (${looked_for}, or pkg-config; Debian: ${package} pkgconf)")
  endif()
  if(PDM_${part} STREQUAL "OFF")
    set(${part}_found "not looked for (PDM_${part}=OFF)")
  endif()
endmacro()

# The row of an optional part that is not there; an error where it was asked for.
macro(pdm_do_without part name follows)
  if(PDM_${part} STREQUAL "ON")
    message(FATAL_ERROR "PDM_${part}=ON, but ${name}: ${${part}_found}")
  endif()
  pdm_part("${name}" "--" "${${part}_found}" "${follows}")
endmacro()

# pdm_find_library(PART target module library header [suffix]): by pkg-config, else where the compiler looks. Sets
# PART_VERSION, PART_WHERE and the target, which exists only where the part does.
function(pdm_find_library part target module library header)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(${part} QUIET IMPORTED_TARGET ${module})
  endif()
  if(${part}_FOUND)
    add_library(${target} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(${target} INTERFACE PkgConfig::${part})
    set(where "${${part}_LINK_LIBRARIES}")
  else()
    find_library(PDM_${part}_LIBRARY ${library})
    find_path(PDM_${part}_INCLUDE ${header} PATH_SUFFIXES ${ARGN})
    if(PDM_${part}_LIBRARY AND PDM_${part}_INCLUDE)
      add_library(${target} INTERFACE IMPORTED GLOBAL)
      target_link_libraries(${target} INTERFACE ${PDM_${part}_LIBRARY})
      target_include_directories(${target} INTERFACE ${PDM_${part}_INCLUDE})
      set(where "${PDM_${part}_LIBRARY}")
    endif()
  endif()
  if(TARGET ${target})
    set_property(TARGET ${target} PROPERTY PDM_INSTALLED_LINK "${where}")
  endif()
  set(${part}_WHERE "${where}" PARENT_SCOPE)
  set(${part}_VERSION "${${part}_VERSION}" PARENT_SCOPE)
endfunction()

# ---- threads ----
find_package(OpenMP COMPONENTS C)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
if(OpenMP_C_FOUND)
  # GCC's own is named without its place, which has GCC's version in it.
  set(openmp_link "")
  foreach(name IN LISTS OpenMP_C_LIB_NAMES)
    if(name MATCHES "^(gomp|pthread)$")
      list(APPEND openmp_link -l${name})
    else()
      list(APPEND openmp_link ${OpenMP_${name}_LIBRARY})
    endif()
  endforeach()
  set_property(TARGET OpenMP::OpenMP_C PROPERTY PDM_INSTALLED_LINK "${openmp_link}")
  pdm_part(OpenMP "${OpenMP_C_VERSION}" "${OpenMP_C_FLAGS}" "OpenBLAS on one thread wherever it is called")
else()
  if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    set(openmp_package libomp-dev)
  else()
    set(openmp_package gcc)
  endif()
  pdm_miss(OpenMP "${CMAKE_C_COMPILER} does not compile a program that uses it" ${openmp_package})
endif()
set_property(TARGET Threads::Threads PROPERTY PDM_INSTALLED_LINK -lpthread)
pdm_part(threads "" "${CMAKE_THREAD_LIBS_INIT}" "over samples and experts")

# ---- NetCDF ----
pdm_find_library(NETCDF pdm::netcdf netcdf netcdf netcdf.h)
if(TARGET pdm::netcdf)
  pdm_try(NetCDF pdm::netcdf
    "#include <netcdf.h>
     #include <netcdf_mem.h>
     int main(void) { int id; return nc_create(\"x\", NC_NETCDF4, &id); }")
endif()
if(PDM_NetCDF_WORKS)
  pdm_part(NetCDF "${NETCDF_VERSION}" "${NETCDF_WHERE}" "cases, fields and models as NetCDF-4")
elseif(TARGET pdm::netcdf)
  pdm_miss(NetCDF "${NETCDF_WHERE}: a small program does not compile" libnetcdf-dev)
else()
  pdm_miss(NetCDF "not found (netcdf.h, libnetcdf)" libnetcdf-dev)
endif()
find_program(PDM_NCGEN ncgen)
if(PDM_NCGEN)
  pdm_part(ncgen "" "${PDM_NCGEN}" "cases as CDL text")
else()
  pdm_part(ncgen "--" "not found" "CDL text needs it at run time (Debian: netcdf-bin)")
endif()

# ---- UDUNITS ----
pdm_find_library(UDUNITS pdm::udunits udunits udunits2 udunits2.h udunits2)
if(TARGET pdm::udunits)
  pdm_try(UDUNITS pdm::udunits
    "#include <udunits2.h>
     int main(void) { ut_system *s = ut_read_xml(0); ut_free_system(s); return 0; }")
endif()
if(PDM_UDUNITS_WORKS)
  pdm_part(UDUNITS "${UDUNITS_VERSION}" "${UDUNITS_WHERE}" "units are checked and converted")
elseif(TARGET pdm::udunits)
  pdm_miss(UDUNITS "${UDUNITS_WHERE}: a small program does not compile" libudunits2-dev)
else()
  pdm_miss(UDUNITS "not found (udunits2.h, libudunits2)" libudunits2-dev)
endif()

# ---- OpenBLAS and LAPACKE ----
# The variants (serial, pthread, OpenMP) share one soname, and the system's choice is usually pthread: the OpenMP variant
# is taken from its own folder. DT_RPATH (not RUNPATH) is asked for because it also steers what liblapacke needs
# (libblas.so.3, liblapack.so.3) to that folder. The serial variant gives wrong numbers when called from OpenMP threads:
# refused.
set(blas_packages libopenblas-openmp-dev liblapacke-dev)
find_library(PDM_OPENBLAS NAMES openblas
  PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE})
find_path(PDM_OPENBLAS_INCLUDE openblas_config.h
  PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE} openblas)
find_library(PDM_LAPACKE lapacke)
find_path(PDM_LAPACKE_INCLUDE lapacke.h)
if(PDM_OPENBLAS AND PDM_OPENBLAS_INCLUDE AND PDM_LAPACKE AND PDM_LAPACKE_INCLUDE)
  get_filename_component(PDM_OPENBLAS_FOLDER "${PDM_OPENBLAS}" DIRECTORY)
  add_library(pdm::blas INTERFACE IMPORTED)
  target_link_libraries(pdm::blas INTERFACE ${PDM_OPENBLAS} ${PDM_LAPACKE})
  target_include_directories(pdm::blas INTERFACE ${PDM_OPENBLAS_INCLUDE} ${PDM_LAPACKE_INCLUDE})
  target_link_options(pdm::blas INTERFACE -Wl,--disable-new-dtags)
  set_property(TARGET pdm::blas PROPERTY PDM_INSTALLED_LINK
    ${PDM_OPENBLAS} ${PDM_LAPACKE} -Wl,--disable-new-dtags -Wl,-rpath,${PDM_OPENBLAS_FOLDER})
  pdm_try(OpenBLAS pdm::blas
    "#include <cblas.h>
     #include <lapacke.h>
     int main(void) {
       double a = 4.0;
       return LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', 1, &a, 1) + (int)cblas_dasum(1, &a, 1) + openblas_get_parallel();
     }")
  set(blas_found "${PDM_OPENBLAS}: a small program does not compile")
else()
  set(blas_found "not found (openblas_config.h, libopenblas, lapacke.h, liblapacke)")
endif()
if(PDM_OpenBLAS_WORKS AND OpenMP_C_FOUND)
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
    set(blas_follows "pthread variant: right, but slower on large matrices")
  endif()
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
  if(NOT PDM_OPENBLAS_OPENMP AND NOT PDM_OPENBLAS_PTHREAD)
    set(blas_found "${PDM_OPENBLAS}: serial variant, not safe to call from threads")
    unset(PDM_OPENBLAS_OPENMP CACHE)
    unset(PDM_OPENBLAS_PTHREAD CACHE)
    unset(PDM_OPENBLAS CACHE)
    set(PDM_OpenBLAS_WORKS OFF)
  endif()
endif()
if(PDM_OpenBLAS_WORKS)
  file(STRINGS ${PDM_OPENBLAS_INCLUDE}/openblas_config.h blas_version REGEX "define OPENBLAS_VERSION")
  string(REGEX REPLACE ".*OpenBLAS ([0-9.]+).*" "\\1" blas_version "${blas_version}")
  pdm_part(OpenBLAS "${blas_version}" "${PDM_OPENBLAS}" "${blas_follows}")
  pdm_part(LAPACKE "" "${PDM_LAPACKE}" "")
else()
  pdm_miss(OpenBLAS "${blas_found}" "${blas_packages}")
endif()

# ---- header-only parts ----
# name, target, header, Debian package, program
macro(pdm_header_part part target header package source)
  find_path(PDM_${part}_INCLUDE ${header})
  if(PDM_${part}_INCLUDE)
    add_library(${target} INTERFACE IMPORTED GLOBAL)
    target_include_directories(${target} INTERFACE ${PDM_${part}_INCLUDE})
    pdm_try(${part} ${target} "${source}")
    if(NOT PDM_${part}_WORKS)
      pdm_miss(${part} "${PDM_${part}_INCLUDE}/${header}: a small program does not compile" ${package})
    endif()
  else()
    pdm_miss(${part} "not found (${header})" ${package})
  endif()
endmacro()

pdm_header_part(Random123 pdm::random123 Random123/philox.h librandom123-dev
  "#include <Random123/philox.h>
   int main(void) {
     philox4x32_ctr_t c = {{0}};
     philox4x32_key_t k = {{0}};
     return philox4x32(c, k).v[0] != 0x6627e8d5u;
   }")
if(PDM_Random123_WORKS)
  pdm_part(Random123 "" "${PDM_Random123_INCLUDE}/Random123" "counter-based random numbers")
endif()

pdm_header_part(xxHash pdm::xxhash xxhash.h libxxhash-dev
  "#define XXH_INLINE_ALL
   #include <xxhash.h>
   int main(void) { return (int)XXH3_128bits(\"a\", 1).low64; }")
if(PDM_xxHash_WORKS)
  file(STRINGS ${PDM_xxHash_INCLUDE}/xxhash.h xxhash_version REGEX "define XXH_VERSION_(MAJOR|MINOR|RELEASE) ")
  string(REGEX REPLACE "XXH|[^;0-9]" "" xxhash_version "${xxhash_version}")
  list(JOIN xxhash_version "." xxhash_version)
  pdm_part(xxHash "${xxhash_version}" "${PDM_xxHash_INCLUDE}/xxhash.h" "model files carry a hash")
endif()

# ---- Cairo (optional; the program alone links it) ----
pdm_optional(CAIRO "cairo.h, libcairo" libcairo2-dev)
if(PKG_CONFIG_FOUND AND NOT PDM_CAIRO STREQUAL "OFF")
  pkg_check_modules(CAIRO QUIET IMPORTED_TARGET cairo cairo-png cairo-svg cairo-pdf)
endif()
if(CAIRO_FOUND AND NOT PDM_CAIRO STREQUAL "OFF")
  pdm_try(CAIRO PkgConfig::CAIRO
    "#include <cairo.h>
     #include <cairo-pdf.h>
     #include <cairo-svg.h>
     static cairo_status_t put(void *u, const unsigned char *d, unsigned n) { (void)u; (void)d; (void)n; return CAIRO_STATUS_SUCCESS; }
     int main(void) {
       cairo_surface_t *s = cairo_pdf_surface_create_for_stream(put, 0, 1.0, 1.0);
       cairo_surface_t *t = cairo_svg_surface_create_for_stream(put, 0, 1.0, 1.0);
       return (int)cairo_surface_write_to_png_stream(s, put, 0) + (int)cairo_surface_status(t);
     }")
  if(PDM_CAIRO_WORKS)
    set(PDM_HAVE_CAIRO ON)
  else()
    set(CAIRO_found "a small program that uses it does not compile")
  endif()
endif()
if(PDM_HAVE_CAIRO)
  add_library(pdm::cairo INTERFACE IMPORTED)
  target_link_libraries(pdm::cairo INTERFACE PkgConfig::CAIRO)
  list(FILTER CAIRO_LINK_LIBRARIES INCLUDE REGEX "cairo")
  pdm_part(Cairo "${CAIRO_cairo_VERSION}" "${CAIRO_LINK_LIBRARIES}" "pdemoe plot draws PNG, SVG, PDF")
else()
  pdm_do_without(CAIRO Cairo "pdemoe plot says what is missing")
endif()

# ---- SUNDIALS: IDA and its KLU linear solver (optional; lines/ alone uses it) ----
# Of release 6: 7 changed how errors are reported. KLU (SuiteSparse, LGPL) comes with the solver that is linked to it.
pdm_optional(SUNDIALS "ida/ida.h, libsundials_ida, klu.h" libsundials-dev)
if(NOT PDM_SUNDIALS STREQUAL "OFF")
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
    add_library(pdm::sundials INTERFACE IMPORTED)
    target_link_libraries(pdm::sundials INTERFACE ${sundials_libraries})
    target_include_directories(pdm::sundials INTERFACE ${PDM_SUNDIALS_INCLUDE} ${PDM_KLU_INCLUDE})
    set_property(TARGET pdm::sundials PROPERTY PDM_INSTALLED_LINK "${sundials_libraries}")
    pdm_try(SUNDIALS pdm::sundials
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
       }")
    if(PDM_SUNDIALS_WORKS)
      set(PDM_HAVE_SUNDIALS ON)
    else()
      set(SUNDIALS_found "${sundials_version} does not suit: release 6 in double precision expected")
    endif()
  endif()
endif()
if(PDM_HAVE_SUNDIALS)
  pdm_part(SUNDIALS "${sundials_version}" "${PDM_SUNDIALS_ida}" "pdemoe reference --method lines")
else()
  pdm_do_without(SUNDIALS SUNDIALS "pdemoe reference has the refined polish alone")
endif()

# ---- kernels of the CPU back end ----
set(PDM_INSTRUCTION_SETS portable)
set(PDM_MVEC "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  list(APPEND PDM_INSTRUCTION_SETS avx2 avx512)
  # glibc's vector functions; the youngest of those used came with 2.35.
  add_library(pdm::mvec INTERFACE IMPORTED GLOBAL)
  target_link_libraries(pdm::mvec INTERFACE mvec m)
  target_compile_definitions(pdm::mvec INTERFACE PDM_HAVE_MVEC)
  set_property(TARGET pdm::mvec PROPERTY PDM_INSTALLED_LINK -lmvec -lm)
  pdm_try(MVEC pdm::mvec
    "typedef double vec __attribute__((vector_size(16)));
     vec _ZGVbN2v_erf(vec x); vec _ZGVbN2v_tanh(vec x); vec _ZGVbN2vv_pow(vec x, vec y);
     int main(void) { vec x = {1.0, 2.0}; x = _ZGVbN2v_erf(_ZGVbN2v_tanh(_ZGVbN2vv_pow(x, x))); return (int)x[0]; }")
endif()
list(JOIN PDM_INSTRUCTION_SETS ", " all_sets)
if(PDM_INSTRUCTIONS STREQUAL "AUTO")
  list(GET PDM_INSTRUCTION_SETS -1 PDM_WIDEST)
elseif(PDM_INSTRUCTIONS IN_LIST PDM_INSTRUCTION_SETS)
  set(PDM_WIDEST ${PDM_INSTRUCTIONS})
else()
  message(FATAL_ERROR "PDM_INSTRUCTIONS is \"${PDM_INSTRUCTIONS}\"; AUTO or one of ${all_sets} expected")
endif()
pdm_part(kernels ${PDM_WIDEST} "${all_sets}"
  "what the machine has, ${PDM_WIDEST} at most (PDM_INSTRUCTIONS=${PDM_INSTRUCTIONS})")
if(PDM_MVEC_WORKS)
  set(PDM_MVEC pdm::mvec)
  pdm_part(libmvec "" "glibc" "exp, pow, ... of a PDE by vectors")
else()
  pdm_part(libmvec "--" "not found (glibc 2.35 on x86-64 has it)" "exp, pow, ... of a PDE point by point")
endif()

# ---- CUDA: the back end, a shared object of its own; libcuda is never linked ----
if(NOT PDM_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "PDM_CUDA is \"${PDM_CUDA}\"; AUTO, ON or OFF expected")
endif()
set(PDM_HAVE_CUDA OFF)
if(NOT PDM_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  find_package(CUDAToolkit 12.8 QUIET) # kernels from memory by the runtime alone
  check_language(CUDA)
  if(CUDAToolkit_FOUND AND CMAKE_CUDA_COMPILER AND TARGET CUDA::cublas AND TARGET CUDA::cusolver AND TARGET CUDA::nvrtc)
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80 90) # and PTX of the newest, for what comes after it
    endif()
    enable_language(CUDA)
    set(PDM_HAVE_CUDA ON)
    list(JOIN CMAKE_CUDA_ARCHITECTURES ", " architectures)
    pdm_part(CUDA "${CUDAToolkit_VERSION}" "${CMAKE_CUDA_COMPILER}" "--backend cuda, for compute capability ${architectures}")
  endif()
endif()
if(NOT PDM_HAVE_CUDA)
  if(PDM_CUDA STREQUAL "ON")
    pdm_miss(CUDA "not found (toolkit 12.8 or newer with nvcc, cuBLAS, cuSOLVER, NVRTC)" nvidia-cuda-toolkit)
  elseif(PDM_CUDA STREQUAL "OFF")
    pdm_part(CUDA "--" "not looked for (PDM_CUDA=OFF)" "no --backend cuda")
  else()
    pdm_part(CUDA "--" "not found (toolkit 12.8 or newer with nvcc, cuBLAS, cuSOLVER, NVRTC)" "no --backend cuda")
  endif()
endif()

# ---- MPI (optional; comm/mpi/ alone uses it: a library and an object of their own) ----
pdm_optional(MPI "mpi.h, libmpi" "libopenmpi-dev openmpi-bin")
if(NOT PDM_MPI STREQUAL "OFF")
  find_package(MPI 3.0 QUIET COMPONENTS C)
  if(MPI_C_FOUND)
    pdm_try(MPI MPI::MPI_C
      "#include <mpi.h>
       int main(void) { return MPI_Init_thread(0, 0, MPI_THREAD_FUNNELED, 0) + MPI_Finalize(); }")
    if(PDM_MPI_WORKS)
      set(PDM_HAVE_MPI ON)
    else()
      set(MPI_found "${MPI_C_LIBRARIES}: a small program does not compile")
    endif()
  endif()
endif()
if(PDM_HAVE_MPI)
  pdm_part(MPI "${MPI_C_VERSION}" "${MPI_C_LIBRARIES}" "libpdemoe_mpi, and the program under mpirun")
else()
  pdm_do_without(MPI MPI "one process, or ranks by a transport of the host's")
endif()

# ---- Fortran (optional; the modules themselves are installed as source) ----
pdm_optional(FORTRAN "gfortran or another compiler of Fortran 2008" gfortran)
if(NOT PROJECT_IS_TOP_LEVEL AND NOT PDM_FORTRAN STREQUAL "ON")
  set(FORTRAN_found "not looked for within another project")
elseif(CMAKE_C_FLAGS MATCHES "-fsanitize") # which the Fortran compiler would have to link
  set(FORTRAN_found "not looked for with sanitizers")
elseif(NOT PDM_FORTRAN STREQUAL "OFF")
  include(CheckLanguage)
  check_language(Fortran)
  if(CMAKE_Fortran_COMPILER)
    enable_language(Fortran)
    set(PDM_HAVE_FORTRAN ON)
  endif()
endif()
if(PDM_HAVE_FORTRAN)
  pdm_part(Fortran "" "${CMAKE_Fortran_COMPILER}" "the example and the tests of the Fortran modules")
else()
  pdm_do_without(FORTRAN Fortran "no example in Fortran; its modules are not compiled")
endif()

# ---- tests (BUILD_TESTING, and Check) ----
pdm_optional(CHECK "check.h, libcheck" check)
if(BUILD_TESTING AND PKG_CONFIG_FOUND AND NOT PDM_CHECK STREQUAL "OFF")
  pkg_check_modules(CHECK QUIET IMPORTED_TARGET check)
  if(CHECK_FOUND)
    pdm_try(CHECK PkgConfig::CHECK
      "#include <check.h>
       int main(void) { return srunner_ntests_failed(srunner_create(suite_create(\"a\"))); }")
    set(CHECK_found "a small program that uses it does not compile")
  endif()
  if(PDM_CHECK_WORKS)
    set(PDM_HAVE_CHECK ON)
  endif()
endif()
if(PDM_HAVE_CHECK)
  pdm_part(Check "${CHECK_VERSION}" "${CHECK_INCLUDEDIR}/check.h" "tests are built")
  find_program(PDM_CXX NAMES c++ g++ clang++)
  if(PDM_CXX)
    pdm_part(C++ "" "${PDM_CXX}" "the public header is tested as C++17")
  else()
    pdm_part(C++ "--" "not found" "the public header is not tested as C++17")
  endif()
elseif(BUILD_TESTING)
  pdm_do_without(CHECK Check "tests and benchmarks are left out")
else()
  pdm_part(Check "--" "not looked for (BUILD_TESTING=OFF)" "tests and benchmarks are left out")
endif()

pdm_stop_at_missing_parts()
