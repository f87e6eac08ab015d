#!/bin/sh
# Installs what is missing, builds, trains diffusion-sorption from physics alone, predicts initial values that training
# has not seen, and prints the error against a converged reference. Files go to demo/.
set -eu

cd "$(dirname "$0")"
build=build/release
pdemoe=$build/bin/pdemoe
case_file=cases/diffusion_sorption/diffusion_sorption.cdl
reference=cases/diffusion_sorption/reference.nc

sh cmake/install-dependencies.sh
cmake --preset release -DBUILD_TESTING=OFF
cmake --build --preset release --parallel "$(getconf _NPROCESSORS_ONLN)"

show() {
    echo
    echo "\$ $*"
    "$@"
}

mkdir -p demo
rm -f demo/model.nc demo/prediction.nc
show $pdemoe train $case_file -o demo/model.nc
show $pdemoe predict demo/model.nc "$reference" -o demo/prediction.nc
show $pdemoe eval demo/model.nc "$reference"

cat <<END

The files:
  $case_file   the case, as text
  demo/model.nc        the trained model
  demo/prediction.nc   u(sample, t, x) for the initial values in $reference
Look at them with: ncdump -h demo/prediction.nc; $pdemoe info demo/model.nc
END
