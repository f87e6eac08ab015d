#!/bin/sh
# Installs into a scratch folder and builds programs against it, in C99 and in C++: by CMake and by pkg-config, with the
# shared library and with the static one. With ROOT, that of the tree, in place of "-": within a project of its own instead,
# by add_subdirectory.
# usage: test_install.sh CMAKE BUILD_FOLDER C_COMPILER C++_COMPILER VERSION ROOT|- ["C flags of the build"]
set -eu

cmake=$1 build=$2 cc=$3 cxx=$4 version=$5 subproject=$6 flags=${7-}
root=$PWD/root
rm -rf "$root" moved consumer by-*
mkdir consumer
language=C
if command -v "$cxx" > /dev/null; then language="C CXX"; else echo "no C++ compiler: C alone"; fi

cat > consumer/main.c <<'END'
#include <pdemoe/pdemoe.h>
#include <stdio.h>

int main(void)
{
    pdm_context *ctx = NULL;
    if (pdm_context_create(NULL, &ctx) != PDM_OK) return 1;
    printf("%s\n", pdm_version());
    return pdm_context_destroy(&ctx) != 0;
}
END
cp consumer/main.c consumer/main.cpp

# A project of programs for each target pdemoe::NAME, host_NAME in C99 and host_NAME++, found as the line says.
write_project() {
    line=$1
    shift
    printf 'cmake_minimum_required(VERSION 3.24)\nproject(consumer LANGUAGES %s)\n%s\n' "$language" "$line"
    for target; do
        echo "add_executable(host_$target main.c)"
        echo "set_target_properties(host_$target PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF)"
        echo "target_link_libraries(host_$target PRIVATE pdemoe::$target)"
        [ "$language" = C ] || echo "add_executable(host_$target++ main.cpp)
target_link_libraries(host_$target++ PRIVATE pdemoe::$target)"
    done
}

# build_project FOLDER TARGET...: the programs of each start.
build_project() {
    folder=$1
    shift
    "$cmake" -S consumer -B "$folder" -DCMAKE_PREFIX_PATH="$root" -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$flags" \
        -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_FLAGS="$flags" -DPDM_CUDA=OFF -DPDM_MPI=OFF > configure.log 2>&1 ||
        { cat configure.log; exit 1; }
    "$cmake" --build "$folder" > build.log 2>&1 || { cat build.log; exit 1; }
    for target; do
        test "$("$folder/host_$target")" = "$version"
        [ "$language" = C ] || test "$("$folder/host_$target++")" = "$version"
    done
}

# Does the program ask for the shared library?
is_shared() { readelf -d "$1" | grep -q 'NEEDED.*libpdemoe\.so'; }

if [ "$subproject" != - ]; then
    write_project "add_subdirectory($subproject pdemoe)" pdemoe pdemoe_static > consumer/CMakeLists.txt
    build_project by-subdirectory pdemoe pdemoe_static
    is_shared by-subdirectory/host_pdemoe
    if is_shared by-subdirectory/host_pdemoe_static; then exit 1; fi
    # Nothing but the library is built there, and nothing of it is installed.
    test ! -e by-subdirectory/pdemoe/bin
    "$cmake" --install by-subdirectory --prefix "$root" > install.log
    test ! -e "$root"
    exit 0
fi

"$cmake" --install "$build" --prefix "$root" > install.log
package=$(dirname "$(find "$root" -name pdemoe.pc)")
PKG_CONFIG_PATH=$package
export PKG_CONFIG_PATH
test "$(pkg-config --modversion pdemoe)" = "$version"
libdir=$(pkg-config --variable=libdir pdemoe)

# pkg-config escapes blanks, so what it prints is for the shell to read. -l:libpdemoe.a is the static library where both are.
compile_with() {
    eval "$cc $flags -std=c99 -pedantic-errors consumer/main.c $1 -o by-pkg-config"
    test "$(./by-pkg-config)" = "$version"
    [ "$language" != C ] || return 0
    eval "$cxx $flags -std=c++11 -pedantic-errors consumer/main.cpp $1 -o by-pkg-config++"
    test "$(./by-pkg-config++)" = "$version"
}
compile_with "$(pkg-config --cflags --libs pdemoe) -Wl,-rpath,$libdir"
targets=pdemoe components=
if [ -e "$libdir/libpdemoe.so" ]; then
    is_shared by-pkg-config
    components=shared
fi
if [ -e "$libdir/libpdemoe.a" ]; then
    compile_with "$(pkg-config --static --cflags --libs pdemoe | sed 's/-lpdemoe\b/-l:libpdemoe.a/')"
    if is_shared by-pkg-config; then exit 1; fi
    targets="$targets pdemoe_static" components="$components static"
fi
# shellcheck disable=SC2086 # words are meant
write_project "find_package(pdemoe $version REQUIRED COMPONENTS $components)" $targets > consumer/CMakeLists.txt
# shellcheck disable=SC2086
build_project by-cmake $targets
if [ -e "$libdir/libpdemoe.a" ] && is_shared by-cmake/host_pdemoe_static; then exit 1; fi

# The Fortran modules, compiled with a program of theirs.
if command -v gfortran > /dev/null && [ -z "$flags" ]; then
    cat > consumer/main.f90 <<'END'
program main
    use pdemoe
    type(pdm_context) :: ctx
    call ctx%create()
    print '(a)', pdm_version()
    call ctx%destroy()
end program
END
    printf 'cmake_minimum_required(VERSION 3.24)\nproject(consumer LANGUAGES C Fortran)\n%s\n%s\n%s\n' \
        "find_package(pdemoe REQUIRED)" "add_executable(host_fortran main.f90)" \
        "target_link_libraries(host_fortran PRIVATE pdemoe::fortran)" > consumer/CMakeLists.txt
    language=C
    build_project by-cmake-fortran fortran
    eval "gfortran $(pkg-config --variable=fortran pdemoe) consumer/main.f90 $(pkg-config --libs pdemoe) \
        -Wl,-rpath,$libdir -o by-pkg-config-fortran"
    test "$(./by-pkg-config-fortran)" = "$version"
else
    echo "no gfortran, or a build with flags of its own: the Fortran modules are not compiled"
fi

test -n "$(find "$root" -path "*/man1/pdemoe.1")"
if [ -x "$root/bin/pdemoe" ]; then
    "$root/bin/pdemoe" --version | grep -q "$version"
fi

# Ranks by MPI, where it was built: as a component of the package and by pkg-config. Nothing else asks for MPI.
if [ -e "$package/pdemoe_mpi.pc" ]; then
    cat > consumer/main.c <<'END'
#include <pdemoe/pdemoe_mpi.h>
#include <stdio.h>

int main(void)
{
    if (pdm_context_set_mpi(NULL, MPI_COMM_NULL, 0.0) != PDM_ERR_ARGUMENT) return 1;
    printf("%s\n", pdm_version());
    return 0;
}
END
    language=C
    write_project "find_package(pdemoe $version REQUIRED COMPONENTS mpi)" pdemoe_mpi > consumer/CMakeLists.txt
    build_project by-cmake-mpi pdemoe_mpi
    test "$(pkg-config --modversion pdemoe_mpi)" = "$version"
    eval "$cc $flags consumer/main.c $(pkg-config --static --cflags --libs pdemoe_mpi) -Wl,-rpath,$libdir -o by-pkg-config"
    test "$(./by-pkg-config)" = "$version"
fi
for object in "$libdir"/libpdemoe.so "$root/bin/pdemoe"; do
    if [ -e "$object" ] && readelf -d "$object" | grep 'NEEDED.*libmpi'; then exit 1; fi
done

# The plug-in is found beside the library, wherever both have been moved to.
if [ -n "$(find "$root" -name pdemoe_cuda.so)" ] && [ -x "$root/bin/pdemoe" ]; then
    mv "$root" moved
    env -u PDEMOE_BACKENDS moved/bin/pdemoe info moved/share/pdemoe/cases/poisson/poisson.cdl --backend cuda > said 2>&1 || true
    if grep -q -e 'there is no pdemoe_cuda.so' -e 'of another build' said; then cat said; exit 1; fi
    mv moved "$root"
fi
