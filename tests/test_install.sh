#!/bin/sh
# Installs into a scratch folder and builds a program against it, once by CMake and once by pkg-config.
# usage: test_install.sh CMAKE BUILD_FOLDER C_COMPILER VERSION ["C flags of the build"]
set -eu

cmake=$1 build=$2 cc=$3 version=$4 flags=${5-}
root=$PWD/root
rm -rf "$root" consumer by-cmake by-cmake-mpi
mkdir consumer
"$cmake" --install "$build" --prefix "$root" > install.log

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
cat > consumer/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.24)
project(consumer LANGUAGES C)
find_package(pdemoe $version REQUIRED)
add_executable(consumer main.c)
target_link_libraries(consumer PRIVATE pdemoe::pdemoe)
END

"$cmake" -S consumer -B by-cmake -DCMAKE_PREFIX_PATH="$root" -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$flags" \
    > configure.log
"$cmake" --build by-cmake > build.log
test "$(by-cmake/consumer)" = "$version"

package=$(dirname "$(find "$root" -name pdemoe.pc)")
PKG_CONFIG_PATH=$package
export PKG_CONFIG_PATH
test "$(pkg-config --modversion pdemoe)" = "$version"
libdir=$(pkg-config --variable=libdir pdemoe)
# pkg-config escapes blanks, so what it prints is for the shell to read
eval "$cc $flags consumer/main.c $(pkg-config --static --cflags --libs pdemoe) -Wl,-rpath,$libdir -o by-pkg-config"
test "$(./by-pkg-config)" = "$version"

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
    sed -i -e 's/REQUIRED/REQUIRED COMPONENTS mpi/' -e 's/pdemoe::pdemoe)/pdemoe::pdemoe_mpi)/' consumer/CMakeLists.txt
    "$cmake" -S consumer -B by-cmake-mpi -DCMAKE_PREFIX_PATH="$root" -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_C_FLAGS="$flags" > configure.log
    "$cmake" --build by-cmake-mpi > build.log
    test "$(by-cmake-mpi/consumer)" = "$version"
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
