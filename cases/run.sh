#!/bin/sh
# Trains a case, compares the model with the case's reference, then the same model polished, and prints a line: errors
# (mean relative L2, in %) beside their bars, and before them that of the model untrained; seconds of training,
# milliseconds of a prediction. Exit code 1 where a bar is missed.
# usage: cases/run.sh NAME...|all [--short] [--threads N] [--set GROUP.NAME=VALUE ...]
# --short: a few training steps and looser bars, for tests, and no untrained model. PDEMOE names another program than
# build/release/bin/pdemoe, CASES_OUT the folder for models and logs (build/cases).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
program=${PDEMOE:-$root/build/release/bin/pdemoe}
out=${CASES_OUT:-$root/build/cases}

# case  reference: exact (in the case), a file of shared/data or one beside the case
#       bars: trained, polished   short form: steps, or =N: solutions for columns, where there is no network; bar of the
#       trained one: between what was measured and the untrained one where these differ (burgers, allen_cahn: not in so few
#       steps, so their bars are about twice what was measured and judge the solve), with few solutions twice what was
#       measured
#       may follow: tolerance of the polish (1e-8); of the short form: bar of the polished one, and a coarser domain
list() {
    cat << 'END'
diffusion_sorption   diffusion_sorption_truth.nc|diffusion_sorption/reference.nc 0.25 0.25 20  2.5
diffusion_sorption_columns diffusion_sorption_truth.nc|diffusion_sorption/reference.nc 0.05 0.05 =16 0.1
poisson              exact                                                      0.01 0.05 =16 0.01
annulus              exact                                                      0.01 0.01 =8  0.01
heat2d               exact                                                      0.01 0.05 =16 0.01
heat_source          exact                                                      0.02 0.05 =32 0.1
wave1d               exact                                                      0.05 0.05 =8  0.05
advection1d          exact                                                      0.05 0.05 20  1
burgers              burgers_reference.nc|burgers/reference.nc                  0.2  0.05 5   0.4
burgers_random       burgers/random_reference.nc                                0.15 0.2  =24 2
allen_cahn           allen_cahn_reference.nc|allen_cahn/reference.nc            0.06 0.1  5   0.15
darcy                darcy/reference.nc                                         1    0.5  =8  20
reaction_diffusion   reaction_diffusion/reference.nc                            0.7  0.2  =4  50
kuramoto_sivashinsky kuramoto_sivashinsky/reference.nc                          0.1  0.1  =4  1
conduction3d         conduction3d/reference.nc                                  1.2  0.9  15  3.9
plume                plume/reference.nc                                         0.6  0.6  =16 10
navier_stokes        navier_stokes/reference.nc                                 4    2.5  1   9    1e-4 8 x.control_points=32 y.control_points=32 x.experts=8 y.experts=8 x.degree=3 y.degree=3
END
}

fail() {
    echo "run.sh: $*" >&2
    exit 2
}

. "$root/cases/files.sh"

# The error of the model without training, in %.
untrained() {
    # shellcheck disable=SC2086 # options are meant to be split
    "$program" train "$file" -f -q -o "$out/$name.untrained.nc" $threads $settings --set training.steps=0 > "$out/$name.untrained"
    # shellcheck disable=SC2086
    "$program" eval "$out/$name.untrained.nc" ${reference:+"$reference"} $threads >> "$out/$name.untrained"
    error_in "$out/$name.untrained"
}

# What eval printed: the mean error of the worst field, in %.
error_in() { sed -n 's/^field .*mean relative L2 error \([^ ]*\) %, worst.*/\1/p' "$1" | sort -g | tail -n 1; }
milliseconds_in() { sed -n 's/^time per sample: network \(.*\) ms, solve \(.*\) ms, output \(.*\) ms, setting.*/\1 \2 \3/p' "$1" | awk '{print $1 + $2 + $3}'; }

run_case() {
    name=$1 reference=$2 bar=$3 bar_polished=$4 steps=$5 bar_short=$6 tolerance=${7:-1e-8} coarse=""
    if [ "$short" -eq 1 ]; then
        bar=$bar_short bar_polished=${8:-$bar_polished}
        [ $# -gt 8 ] && shift 8 && coarse=$(printf -- '--set domain/%s ' "$@")
    fi
    file=$(case_file "$name")
    reference=$(reference_file "$reference")
    model=$out/$name.nc
    start=$(date +%s)
    start_error=-
    case $steps in
    =*) fewer="training.solutions=${steps#=}" ;;
    *) fewer="training.steps=$steps" ;;
    esac
    if [ "$short" -eq 1 ]; then
        # shellcheck disable=SC2086 # options are meant to be split
        "$program" train "$file" -f -q -o "$model" $threads $settings $coarse --set "$fewer" > "$out/$name.train"
    else
        # shellcheck disable=SC2086
        "$program" train "$file" -f -q -o "$model" $threads $settings > "$out/$name.train"
    fi
    training=$(($(date +%s) - start))
    case $short$steps in
    1* | 0=*) ;;
    *) start_error=$(untrained) ;;
    esac
    # shellcheck disable=SC2086
    "$program" eval "$model" ${reference:+"$reference"} $threads > "$out/$name.eval"
    # shellcheck disable=SC2086
    "$program" eval "$model" ${reference:+"$reference"} --polish "$tolerance" $threads > "$out/$name.polished"
    echo "$name $(error_in "$out/$name.eval") $bar $(error_in "$out/$name.polished") $bar_polished $training \
$(milliseconds_in "$out/$name.eval") $(milliseconds_in "$out/$name.polished") $start_error" | awk '
        { missed = !($2 != "" && $2 + 0 < $3 + 0 && $4 + 0 < $5 + 0 && NF == 9)
          untrained = $9 == "-" ? "" : sprintf("  untrained %8.4f %%", $9)
          printf "%-20s%s  trained %8.4f %% (bar %g)  polished %8.4f %% (bar %g)  training %4d s  prediction %.1f ms  polish %.1f ms%s\n",
              $1, untrained, $2, $3, $4, $5, $6, $7, $8, missed ? "  MISSED" : ""
          exit missed }'
}

short=0 threads="" settings="" names=""
while [ $# -gt 0 ]; do
    case $1 in
    --short) short=1 ;;
    --threads)
        [ $# -gt 1 ] || fail "--threads N"
        threads="--threads $2"
        shift
        ;;
    --set)
        [ $# -gt 1 ] || fail "--set GROUP.NAME=VALUE"
        settings="$settings --set $2"
        shift
        ;;
    -*) fail "$1? usage: cases/run.sh NAME...|all [--short] [--threads N] [--set GROUP.NAME=VALUE ...]" ;;
    all) names=$(list | cut -d ' ' -f 1) ;;
    *) names="$names $1" ;;
    esac
    shift
done
[ -n "$names" ] || fail "which case? usage: cases/run.sh NAME...|all [--short]"
[ -x "$program" ] || fail "$program is missing: ./demo.sh builds it"
mkdir -p "$out"
status=0
for name in $names; do
    row=$(list | grep "^$name ") || fail "no case $name; there are: $(list | cut -d ' ' -f 1 | tr '\n' ' ')"
    # shellcheck disable=SC2086 # the columns of the list
    run_case $row || status=1
done
exit $status
