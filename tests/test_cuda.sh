#!/bin/sh
# The program on the back end for GPUs, on a double of the toolkit: what is missing is told in one line, and what it
# computes is what the CPU does. The plug-in of the build asks for no driver to be opened.
# usage: test_cuda.sh PROGRAM PLUGIN EXAMPLE
set -u

program=$1 plugin=$2 example=$3
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
write_case tiny -e ''
write_inputs inputs -e ''

# What is missing: an error with --backend cuda, the CPU with auto.
train() {
    "$program" train tiny.cdl -o model.nc -f -q --set training.steps=1 "$@"
}
missing() {
    words=$1
    shift
    expect 8 "$words" env "$@" "$program" train tiny.cdl -o model.nc -f -q --set training.steps=1 --backend cuda
    expect 0 "on the CPU|$words" env "$@" "$program" train tiny.cdl -o model.nc -f --set training.steps=1 --backend auto
}
mkdir empty
missing 'there is no pdemoe_cuda.so in' PDEMOE_BACKENDS="$folder/empty"
echo nothing > empty/pdemoe_cuda.so
missing 'what it stands on is missing' PDEMOE_BACKENDS="$folder/empty"
missing 'no driver for CUDA' PDM_DOUBLE_DEVICE=no-driver
missing 'no device is there' PDM_DOUBLE_DEVICE=none
missing 'compute capability 7.5; 8.0 or newer expected' PDM_DOUBLE_DEVICE=1,7.5,1e10
expect 9 'MiB more are wanted on device 0|are free' env PDM_DOUBLE_DEVICE=1,9.0,5e5 "$program" train tiny.cdl -o model.nc -f -q \
    --backend cuda
expect 8 'there is no back end "cudo"; did you mean "cuda"?' train --backend cudo

expect 0 'MB of the device for batches of 2,|MB a sample; about | at a time fit in the 64 GB|that are free' \
    env PDM_DOUBLE_DEVICE=1,9.0,64e9 "$program" check tiny.cdl --backend cuda

# The same model on both.
expect 0 'back end         cuda, device 0' "$program" info tiny.cdl --backend cuda
expect 0 'model' "$program" train tiny.cdl -o model.nc -f -q --backend cuda
expect 0 '' "$program" predict model.nc inputs.nc -o cuda.nc -q --backend cuda
expect 0 '' "$program" eval model.nc cuda.nc --json -q --backend cpu
error=$(sed -n 's/.*"error": \([^,}]*\).*/\1/p' said | tail -n 1)
awk -v e="$error" 'BEGIN { exit !(e != "" && e < 1e-6) }' || complain "answers of cuda and cpu are \"$error\" apart" "$(cat said)"

# A program whose data are on the device gets what the program writes.
echo 'netcdf one { dimensions: sample = 1 ; variables: double u0(sample) ; u0:units = "1" ; data: u0 = 0.4 ; }' > one.cdl
ncgen -4 -o one.nc one.cdl || exit 1
expect 0 '' "$program" predict model.nc one.nc -o one_out.nc -q --backend cuda
ncdump -p 9,17 -v u one_out.nc | sed '1,/^data:/d' | tr -c '0-9.e+-' '\n' | awk '
    $1 != "" && $1 + 0 == $1 && $1 * $1 > most * most { most = $1 } END { printf "largest value %.6g\n", most < 0 ? -most : most }' > largest
expect 0 "solver 1|$(cat largest)" "$example" model.nc 0.4
expect 1 'model.nc has 1 inputs' "$example" model.nc 0.4 0.5
expect 1 'missing.nc' "$example" missing.nc 0.4

# Kernels made of programs lie beside their text, and are found again.
expect 0 '' test "$(find "$PDEMOE_KERNELS" -name '*.cu' | wc -l)" -gt 0
before=$(find "$PDEMOE_KERNELS" | wc -l)
expect 0 '' "$program" predict model.nc inputs.nc -o again.nc -q --backend cuda
[ "$(find "$PDEMOE_KERNELS" | wc -l)" -eq "$before" ] || complain "kernels are compiled again"

# libcuda belongs to the driver: a plug-in that asks for it does not open where there is none.
readelf -d "$plugin" > needed || exit 1
if grep -q 'NEEDED.*libcuda\.so' needed; then complain "the plug-in asks for libcuda"; fi
grep -q 'NEEDED.*libcublas' needed || complain "the plug-in does not ask for cuBLAS" "$(cat needed)"
exit $failed
