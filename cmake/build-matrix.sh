#!/bin/sh
# Builds pdemoe in the ways people build it, each in a folder of its own under build/matrix, and starts each program.
# What a build installs is tried as well: the program of README.md is compiled, linked and started, by pkg-config and by
# CMake. A line each; what a failed build said stands in build/matrix/NAME.log.
# usage: build-matrix.sh [NAME ...]     all of them where none is named
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
matrix=$root/build/matrix
wanted=$*
jobs=$(getconf _NPROCESSORS_ONLN)
passed=0
failed=0
mkdir -p "$matrix"
if [ -z "${CMAKE_C_COMPILER_LAUNCHER-}" ] && command -v ccache > /dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache
fi

# attempt NAME COMPILER FUNCTION ARGUMENT...: the function in a shell of its own, with $build as its folder.
attempt() {
    name=$1 cc=$2 what=$3
    shift 3
    case " $wanted " in *" $name "* | "  ") ;; *) return ;; esac
    if ! command -v "$cc" > /dev/null; then
        echo "left out: $name ($cc is not here)"
        return
    fi
    build=$matrix/$name
    rm -rf "$build"
    (set -eu; "$what" "$@") > "$build.log" 2>&1
    ended=$? # in the condition of an if, set -e would do nothing
    if [ "$ended" -eq 0 ]; then
        echo "ok        $name"
        passed=$((passed + 1))
    else
        echo "FAILED    $name"
        tail -n 20 "$build.log"
        failed=$((failed + 1))
    fi
}

# Configures and compiles; warnings are errors.
compile() {
    cmake -S "$root" -B "$build" -DCMAKE_C_COMPILER="$cc" -DPDM_WERROR=ON -DPDM_CUDA=OFF -DPDM_MPI=OFF "$@"
    cmake --build "$build" --parallel "$jobs"
}

# The program says what it is, lists a case and trains the one of README.md a little: $build/decay.nc.
start() {
    cd "$build"
    bin/pdemoe --version
    bin/pdemoe info "$root/cases/diffusion_sorption/diffusion_sorption.cdl"
    block decay.cdl
    bin/pdemoe train decay.cdl -o decay.nc --set training.steps=2 --threads 2 -q
}

# block NAME: the block of README.md that is marked as that file.
block() {
    awk -v mark="<!-- file: $1 -->" '
        $0 == mark { marked = 1 }
        /^```/ { if (inside) exit; inside = marked; next }
        inside' "$root/README.md" > "$1"
    test -s "$1"
}

# The program of README.md against what is installed in $build/root.
embed() {
    cmake --install . --prefix "$build/root"
    block embed.c
    PKG_CONFIG_PATH=$(dirname "$(find "$build/root" -name pdemoe.pc)")
    export PKG_CONFIG_PATH
    # shellcheck disable=SC2046 # words are meant
    "$cc" -std=c11 embed.c $(pkg-config "$@" --cflags --libs pdemoe) \
        -Wl,-rpath,"$(pkg-config --variable=libdir pdemoe)" -o embed
    ./embed | grep '^solver: [12],'
    mkdir -p consumer
    cat > consumer/CMakeLists.txt << 'END_OF_FILE'
cmake_minimum_required(VERSION 3.24)
project(consumer LANGUAGES C)
find_package(pdemoe REQUIRED)
add_executable(embed ../embed.c)
target_link_libraries(embed PRIVATE pdemoe::pdemoe)
END_OF_FILE
    cmake -S consumer -B consumer/build -DCMAKE_PREFIX_PATH="$build/root" -DCMAKE_C_COMPILER="$cc"
    cmake --build consumer/build
    consumer/build/embed | grep '^solver: [12],'
}

program() {
    compile -DBUILD_TESTING=OFF "$@"
    start
}
installed() {
    program "$@"
    embed
}
static() {
    program -DBUILD_SHARED_LIBS=OFF "$@"
    embed --static
}

# A preset of CMakePresets.json as it is, all that it builds.
preset() {
    cd "$root"
    cmake --preset "$1" -B "$build"
    cmake --build "$build" --parallel "$jobs"
    start
}

# A plain build on a machine without the library for tests: nothing asks for it. Here, pkg-config does not know it.
without_check() {
    mkdir -p "$build"
    cat > "$build/pkg-config" << 'END_OF_FILE'
#!/bin/sh
for word; do [ "$word" != check ] || exit 1; done
exec pkg-config "$@"
END_OF_FILE
    chmod +x "$build/pkg-config"
    compile -DPKG_CONFIG_EXECUTABLE="$build/pkg-config"
    if grep -q '^PDM_CHECK_WORKS' "$build/CMakeCache.txt"; then return 1; fi
    start
}

# A machine that lacks required parts: they are named together, with their packages.
without_parts() {
    if cmake -S "$root" -B "$build" -DPDM_xxHash_INCLUDE=OFF -DPDM_LAPACKE=OFF; then return 1; fi
    grep -q 'this machine lacks: OpenBLAS, xxHash' "$build.log"
    grep -q 'apt-get install .*libopenblas-openmp-dev liblapacke-dev libxxhash-dev' "$build.log"
}

# SUNDIALS, Cairo, CUDA and MPI as they are here, then without; a Debug build without Cairo inlines nothing that hides a library.
attempt gcc-release gcc installed -DPDM_CUDA=AUTO -DPDM_MPI=AUTO
attempt gcc-bare gcc program -DCMAKE_BUILD_TYPE=Debug -DPDM_CAIRO=OFF -DPDM_SUNDIALS=OFF
attempt gcc-static gcc static
attempt clang-release clang installed -DPDM_SUNDIALS=OFF -DPDM_CUDA=AUTO -DPDM_MPI=AUTO
attempt clang-debug clang program -DCMAKE_BUILD_TYPE=Debug
attempt clang-static clang static -DPDM_CAIRO=OFF
attempt no-check cc without_check
attempt no-parts cc without_parts
attempt tsan cc preset tsan
attempt asan cc preset asan

echo "$passed builds passed, $failed failed"
[ "$failed" -eq 0 ]
