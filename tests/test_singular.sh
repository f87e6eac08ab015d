#!/bin/sh
# Expressions that are singular in the fields: what is said, and with which exit code.
# usage: test_singular.sh PROGRAM
set -u

program=$1
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

# make NAME TERM INITIAL [sed commands]: dt(u) + TERM = 0 in a periodic box.
make() {
    name=$1 term=$2 initial=$3
    shift 3
    sed -e "s|TERM|$term|" -e "s|INITIAL|$initial|" "$@" > "$name.cdl" << 'END'
netcdf singular {
group: pde {
  :fields = "u" ;
  group: residuals { :u = "dt(u) - 0.1*dxx(u) + TERM" ; }
  group: initial { :u = "INITIAL" ; }
}
group: domain {
  :dimensions = "t x" ;
  group: t { :extent = 0., 1. ; :control_points = 6 ; }
  group: x { :extent = 0., 1. ; :control_points = 6 ; :kind = "periodic" ; }
}
group: experts { :basis = 4 ; }
group: surrogate { :width = 8 ; :layers = 2 ; :hidden = 8 ; :modes = 2 ; }
group: training { :steps = 20 ; :batch = 2 ; }
}
END
}

# Where the equations are singular at the start: equation, operation, term, place and value are named, nothing is written.
singular() {
    expect 7 "equation u: |$2|at t = |x = |where u = |none of the 1 solves has an answer" "$program" polish "$1.cdl" -o out.nc
    [ ! -e out.nc ] || complain "$1: a file without an answer is written"
    rm -f out.nc
    expect 7 "equation u: |$2|none of the 2 solves" "$program" train "$1.cdl" -o "$1.nc" --force
}
make reciprocal '1/u' '0'
singular reciprocal '1 / 0 in the term 1/u'
make quotient 'x/(u - 0.5)' '0.5'
singular quotient ' / 0 in the term x/(u - 0.5)'
make logarithm 'log(u)' '-0.25'
singular logarithm 'log(-0.25) in the term log(u)'
make root 'sqrt(u) - 1' '0'
singular root '1 / 0 in the derivative of the term sqrt(u) - 1 by u'
make power 'u^1.5' '-1'
singular power '(-1) in the term'
make large 'exp(u)' '1000'
singular large 'exp(1000) in the term exp(u)'
# a solution at which the slope is infinite: found, but nothing to train on
make still 'sqrt(u)' '0'
expect 0 'converged' "$program" polish still.cdl -o still_out.nc
expect 7 'gradient of the network|1 / 0 in the derivative of the term sqrt(u) by u' "$program" train still.cdl -o still.nc

# Some samples of a file only: the others are solved and written, and the exit code tells.
make some 'log(u0)*0 + log(u)' 'u0' -e 's/^group: domain/group: inputs { group: u0 { :distribution = "uniform(-1, 1)" ; } }\n&/' -e 's/log(u0)\*0 + //'
cat > in.cdl << 'END'
netcdf in { dimensions: sample = 2 ; variables: double u0(sample) ; data: u0 = 2, -0.5 ; }
END
ncgen -4 -o in.nc in.cdl
expect 10 'log(-0.5) in the term log(u)|out.nc: 1 of its solves have no answer' "$program" polish some.cdl in.nc -o out.nc
ncdump -v solver_reason out.nc | grep -q 'solver_reason = [12], 5' || complain "reasons" "$(ncdump -v solver_reason out.nc)"
ncdump -v solver_objective out.nc | grep -q 'solver_objective = .*, _ ;' || complain "objective" "$(ncdump -v solver_objective out.nc)"
[ "$(ncdump -v u out.nc | sed '1,/ u =/d' | tr -cd '_' | wc -c)" -eq "$(ncdump -h out.nc | awk '$1 == "t" || $1 == "x" { n = n ? n * $3 : $3 } $1 == "variables:" { print n; exit }')" ] ||
    complain "not all of one sample's values are missing" "$(ncdump -v u out.nc | tail -20)"
expect 10 '"unanswered": 1' "$program" polish some.cdl in.nc -o out.nc --json
expect 10 'out.nc: 1 of its solves have no answer' "$program" predict some.cdl in.nc -o out.nc --polish 1e-6

# A division by what crosses zero, of which most solves fail in three steps: the training says so at its end.
make crossing '0.5*dxx(u)/u' 'sin(2*pi*x)'
"$program" train crossing.cdl -o crossing.nc --quiet --set training.max_iter=3 > said 2>&1
code=$?
"$program" info crossing.nc | grep -q '^failed .* of the [0-9]* solves of training' || complain "info" "$("$program" info crossing.nc)"
grep -q '"failed.share":' crossing.log.jsonl || complain "no share in the log" "$(head -1 crossing.log.jsonl)"
[ "$code" -eq 10 ] || [ "$code" -eq 7 ] || complain "exit code $code, 10 or 7 expected" "$(cat said)"
[ "$code" -eq 7 ] || grep -q 'solves in the second half of this training did not converge' said || complain "$(cat said)"

exit "$failed"
