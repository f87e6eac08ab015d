#!/bin/sh
# The library, shared or static, exports what the public headers declare as PDM_API, all of it and nothing else.
# usage: test_symbols.sh LIBRARY HEADER ...
set -eu

library=$1
shift
case $library in
*.a) table=-g ;;
*) table=-D ;;
esac
sed -n 's/^PDM_API .*[ *]\(pdm_[a-z0-9_]*\)(.*/\1/p' "$@" | LC_ALL=C sort > declared
nm $table --defined-only "$library" | sed -n 's/.* [A-Z] //p' | LC_ALL=C sort > exported
test -s declared
diff declared exported || { echo "lines with <: declared and not exported; with >: exported and not declared"; exit 1; }
