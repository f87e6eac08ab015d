#!/bin/sh
# One allocation of the process fails, in any library, at many places: a good file is never replaced by a bad one, and what
# crashes is not ours. (HDF5 and NetCDF do crash, and do say that all is well when it is not.)
# usage: test_failing_malloc.sh PROGRAM SHIM N    N places a command, and 10 with all allocations failing from there on
set -u

program=$1 shim=$2 n=$3
. "$(dirname "$0")/program.sh"
case $(nm -D "$program") in *__asan* | *__tsan*) exit 77 ;; esac # they have a malloc of their own
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export OMP_NUM_THREADS=1
ulimit -c 0

write_case tiny -e 's/:steps = 6/:steps = 3/'
write_inputs inputs -e ''
ncgen -4 -o tiny.nc tiny.cdl
"$program" train tiny.nc -o model.nc -q -j1 > said 2>&1 || complain "$(cat said)"
"$program" predict model.nc inputs.nc -o prediction.nc -q -j1 > said 2>&1 || complain "$(cat said)"
"$program" compress model.nc -o small.nc --rank 1 --half --tolerance 1e9 -q -j1 > said 2>&1 || complain "$(cat said)"

# Is the file one that can be used?
good() {
    case $1 in
    prediction) "$program" eval model.nc out.nc -q -j1 ;;
    *) "$program" info out.nc -q ;;
    esac > verdict 2>&1
}

# one NAME ARGUMENTS...: with FAIL_AT and perhaps FAIL_ON in the environment
one() {
    name=$1
    shift
    cp "$name.nc" out.nc
    rm -f crash
    got=0
    FAIL_CRASH=crash LD_PRELOAD=$shim "$program" "$@" > said 2>&1 || got=$?
    place="allocation $FAIL_AT${FAIL_ON:+ and all later ones} of: $*"
    if [ $got -ge 128 ]; then
        n_crash=$((n_crash + 1))
        case $(cat crash 2> /dev/null) in
        *pdemoe*) complain "a crash of ours: $place: $(cat crash) $(cat said)" ;;
        esac
        rm -f out.nc.part-*
    elif grep -q 'out of dynamic memory in ut_scan' said; then # UDUNITS ends the process, by exit(2)
        n_crash=$((n_crash + 1))
        rm -f out.nc.part-*
    elif [ $got -eq 1 ]; then
        complain "exit code 1: $place: $(cat said)"
    fi
    [ $got -eq 0 ] || n_failed=$((n_failed + 1))
    good "$name" || complain "out.nc is not good, exit code $got: $place: $(cat said) $(cat verdict)"
    if ls out.nc.part-* > /dev/null 2>&1; then complain "left behind: $place"; fi
}

# all NAME ARGUMENTS...
all() {
    n_crash=0 n_failed=0
    cp "$1.nc" out.nc
    name=$1
    shift
    FAIL_COUNT=count LD_PRELOAD=$shim "$program" "$@" > said 2>&1 || complain "without a failure: $* $(cat said)"
    total=$(cat count)
    for i in $(seq 1 "$n"); do # spread; nearer to each other towards the end, where files are written
        FAIL_AT=$(awk "BEGIN { x = $i / $n; print int($total * (1 - (1 - x) * (1 - x))) }")
        export FAIL_AT
        one "$name" "$@"
    done
    export FAIL_ON=1
    for i in $(seq 1 10); do
        FAIL_AT=$((total * i / 11))
        one "$name" "$@"
    done
    unset FAIL_ON FAIL_AT
    echo "$total allocations, $((n + 10)) failures, $n_failed told, $n_crash crashes inside libraries: $*"
}
all model train tiny.nc -o out.nc --force -q -j1
all prediction predict model.nc inputs.nc -o out.nc -q -j1
all small compress model.nc -o out.nc --rank 1 --half --tolerance 1e9 -q -j1
all model info model.nc -q -j1

exit $failed
