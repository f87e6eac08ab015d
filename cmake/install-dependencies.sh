#!/bin/sh
# Installs, with apt, exactly the Debian packages that building pdemoe needs and this machine lacks; says which.
# Does not touch apt where nothing is missing. Needs root, or sudo.
# usage: install-dependencies.sh [tests]
set -eu

missing=

# A program may come from elsewhere than its package; a library is asked of dpkg.
need_program() { command -v "$1" > /dev/null || missing="$missing $2"; }
need_package() {
    dpkg-query -W -f '${Status}\n' "$1" 2> /dev/null | grep -q '^install ok installed' || missing="$missing $1"
}

if ! command -v dpkg-query > /dev/null; then
    echo "not a Debian system: nothing is installed; cmake will name what is missing"
    exit 0
fi
need_program cc gcc
need_program make make
need_program cmake cmake
need_program pkg-config pkgconf
need_program ncgen netcdf-bin
for package in libc6-dev libnetcdf-dev libopenblas-openmp-dev liblapacke-dev libudunits2-dev libxxhash-dev \
    librandom123-dev libcairo2-dev; do
    need_package $package
done
if [ "${1-}" = tests ]; then
    need_package check
    need_package python3-numpy
    need_package python3-xarray
    need_program mpicc libopenmpi-dev
    need_program mpirun openmpi-bin
    need_program gfortran gfortran
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo > /dev/null; then
    as_root=sudo
else
    echo "packages are missing, and neither root nor sudo is at hand; as root, run" >&2
    echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "installing$missing"
$as_root apt-get -qq update
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing > /dev/null
