#!/bin/sh
# Each public header compiles alone, as C11 and as C++17, twice included, without a warning, and keeps to what other
# languages can bind: no restrict, no inline code.
# usage: test_headers.sh C_COMPILER C++_COMPILER INCLUDE_FOLDER HEADER ...
set -eu

cc=$1 cxx=$2 folder=$3
shift 3
for header in "$@"; do
    name=${header#"$folder"/}
    printf '#include "%s"\n#include "%s"\nint main(void) { return pdm_version() == NULL; }\n' "$name" "$name" > alone.c
    flags="-Wall -Wextra -Wpedantic -Werror -Wconversion -Wshadow -fsyntax-only"
    # shellcheck disable=SC2086 # flags are meant to be split
    $cc -std=c11 -Wstrict-prototypes -I"$folder" $flags alone.c
    if command -v "$cxx" > found; then
        # shellcheck disable=SC2086
        $cxx -x c++ -std=c++17 -Wold-style-cast -I"$folder" $flags alone.c
    else
        echo "no C++ compiler: $name was compiled as C11 only"
    fi
    if grep -nE '\b(restrict|inline)\b' "$header"; then
        echo "$name: restrict and inline do not belong into a public header"
        exit 1
    fi
done
