#!/bin/sh
# Twins of shipped cases in other units, with numbers of 1e16, 1e-6 or 1e9 where the case has numbers about 1: polished, and
# after a short training, they have the errors of the case itself. Whatever is absolute and ought not to be shows here.
# usage: test_units.sh ROOT PROGRAM
set -u

root=$1 program=$2
. "$(dirname "$0")/program.sh"

# errors NAME REFERENCE: of NAME.cdl, polished and after ten steps, as eval prints them: mean and worst, in 1e-4 %.
errors() {
    "$program" train "$1.cdl" -f -q -o "$1.nc" --threads 1 --set training.steps=10 > said 2>&1 || complain "$1" "$(cat said)"
    {
        # shellcheck disable=SC2086 # no reference where the case has the solution
        "$program" eval "$1.cdl" $2 --polish 1e-8 -q --threads 1
        # shellcheck disable=SC2086
        "$program" eval "$1.nc" $2 -q --threads 1
    } 2>&1 | sed -n 's/^field u: mean relative L2 error \(.*\) %, worst \([^ ]*\) %.*/\1 \2/p'
}

# twins CASE REFERENCE SED...: the sed commands make the twin. Errors differ by rounding alone; in a training rounding is
# that of single precision, and grows.
twins() {
    name=$1 reference=$2
    shift 2
    cp "$root/cases/$name/$name.cdl" "$name.cdl"
    sed "$@" "$name.cdl" > "$name-twin.cdl"
    errors "$name" "$reference" > "$name.own"
    errors "$name-twin" "$reference" > "$name.twin"
    paste "$name.own" "$name.twin"
    paste "$name.own" "$name.twin" | awk '
        { for (i = 1; i <= 2; i++) if (!($i > 0 && $i < 50 && ($i - $(i + 2))^2 <= (1e-3 * $i + 1e-4)^2)) bad = 1 }
        END { exit !(NR == 2 && !bad) }' || complain "$name: a twin in other units has other errors"
}

# Micrometres and years, read from a reference in metres and seconds.
twins diffusion_sorption "$root/cases/diffusion_sorption/reference.nc" \
    -e 's/:D = 5.e-4 ;/:D = 15778462987.35e6 ; :edge = 500. ;/' -e 's/u + D\*dx(u) = 0/u + edge*dx(u) = 0/' \
    -e 's/0\., 500\. ;/0., 1.5844382320409245e-05 ;/' -e 's/0\., 1\. ;/0., 1.e6 ;/' \
    -e 's/^  group: initial {/  group: units { :t = "year" ; :x = "um" ; :D = "um2 year-1" ; :edge = "um" ; }\n&/'

# Pressure of gigapascals in a column of 15 mm of water, 1500 m/s: amplitudes are drawn from about zero.
twins wave1d '' \
    -e 's/:c = 1\. ;.*/:c = 1500. ; :L = 0.015 ;/' -e 's/0\., 2\. ;/0., 2.e-5 ;/' -e 's/0\., 1\. ;/0., 0.015 ;/' \
    -e 's|pi\*x|pi*x/L|g' -e 's|pi\*c\*t|pi*c*t/L|g' -e 's|b/(pi\*c)|b*L/(pi*c)|' \
    -e 's/uniform(-1, 1)/uniform(-2e9, 2e9)/' -e 's/uniform(-2, 2)/uniform(-4e14, 4e14)/'
exit $failed
