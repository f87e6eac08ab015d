#!/bin/sh
# How time and memory of a classical solve grow with its unknowns: polishes the Poisson equation in two and three
# dimensions on finer and finer grids and prints unknowns, conjugate gradient iterations, CPU seconds and MB of the whole
# program, and the exponents of the last two between the first and the last grid.
#     bench/scaling.sh PDEMOE [auto|direct|cg] [settings for --set, one an argument]
set -eu

pdemoe=${1:?the program to measure}
linear=${2:-auto}
shift
[ $# -gt 0 ] && shift
for setting in "$@"; do
  shift
  set -- "$@" --set "$setting"
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v /usr/bin/time ncdump >/dev/null || { echo "scaling: GNU time and ncdump expected" >&2; exit 1; }

# A case of the dimensions named, e.g. "x y".
write_case() {
  source=a walls= boxes=
  for axis in $1; do
    source="$source*sin(pi*$axis)"
    walls="$walls :${axis}_min = \"u = 0\" ; :${axis}_max = \"u = 0\" ;"
    boxes="$boxes group: $axis { :extent = 0., 1. ; :control_points = 16 ; }"
  done
  cat >"$folder/case.cdl" <<CASE
netcdf scaling {
group: pde { :fields = "u" ;
  group: residuals { :u = "-lap(u) - $source" ; }
  group: boundary { $walls } }
group: inputs { group: a { :distribution = "uniform(1, 2)" ; } }
group: domain { :dimensions = "$1" ; $boxes } }
CASE
}

# Solves with $2 control points along each dimension of $1: a line of the table.
measure() {
  axes=$1 n=$2
  shift 2
  for axis in $axes; do set -- "$@" --set "domain/$axis.control_points=$n"; done
  /usr/bin/time -f "%U %S %M" -o "$folder/time" "$pdemoe" polish "$folder/case.cdl" -o "$folder/out.nc" --samples 1 \
    --threads 1 --set training.batch=1 --set "solver.linear=$linear" "$@" >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 1; }
  unknowns=$(sed -n 's/ free coefficients.*//p' "$folder/log")
  iterations=$(ncdump -v solver_cg_iterations "$folder/out.nc" | sed -n 's/^ solver_cg_iterations = \([0-9]*\).*/\1/p')
  awk -v n="$n" -v u="$unknowns" -v i="$iterations" '{printf "%8d %10d %10d %8.2f %8.0f\n", n, u, i, $1 + $2, $3 / 1e3}' \
    "$folder/time"
}

# The table for the dimensions $1 and the grids $2, then exponents.
table() {
  axes=$1 grids=$2
  shift 2
  write_case "$axes"
  echo "Poisson in $axes, linear = $linear"
  printf '%8s %10s %10s %8s %8s\n' points unknowns iterations 'CPU s' MB
  for n in $grids; do measure "$axes" "$n" "$@"; done | tee "$folder/table"
  awk 'NR == 1 {u = $2; t = $4; m = $5}
       END {printf "exponents: time %.2f, memory %.2f\n\n", log($4 / t) / log($2 / u), log($5 / m) / log($2 / u)}' \
    "$folder/table"
}

table "x y" "${GRIDS2:-32 64 128 256 320}" "$@"
table "x y z" "${GRIDS3:-12 16 24 32}" "$@"
