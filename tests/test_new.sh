#!/bin/sh
# pdemoe new: every kind of problem, with all conditions, in up to DIMS dimensions, is a case that check accepts and whose
# polish is good; settings stand where they belong; questions are asked on a terminal; nothing is written over.
# usage: test_new.sh PROGRAM DIMS
set -eu

program=$1 most=$2
. "$(dirname "$0")/program.sh"
rm -f ./*.cdl

# KIND DIMS CONDITIONS, a line each; "-" where there are none.
"$program" new --list | awk -v most="$most" '
    /^[a-z]/ { if (name != "") print name, 0, "-"; name = $1; next }
    {
        least = 1
        last = $2 == "to" ? $3 : $1
        sub(/.*; /, "")
        n = split($0, word, " ")
        for (d = least; d <= last && d <= most; d++) for (i = 1; i <= n; i++) print name, d, word[i]
        name = ""
    }' > all.txt
[ "$(cut -d ' ' -f 1 all.txt | sort -u | wc -l)" -eq 10 ] || complain "ten kinds expected:" "$(cat all.txt)"
while read -r kind dims conditions; do
    case=$kind$dims$conditions
    set -- "$kind" -o "$case.cdl"
    [ "$dims" -eq 0 ] || set -- "$@" --dims "$dims" --conditions "$conditions"
    expect 0 "$case.cdl" "$program" new "$@"
    expect 0 'equation|columns' "$program" check "$case.cdl" --threads 1
    grep -q '^unseen\|^open side\|^wall\|^corner\|^division' said && complain "$case says something against itself" "$(cat said)"
    expect 0 'good' "$program" polish "$case.cdl" -o answers.nc --threads 1
    grep -q 'warning' said && complain "$case" "$(cat said)"
    grep -q '@' "$case.cdl" && complain "$case.cdl has marks left in it"
    grep -q '//' "$case.cdl" || complain "$case.cdl has no comments"
done < all.txt

# The defaults, and a file that is there.
expect 0 'ode.cdl|pdemoe polish ode.cdl' "$program" new ode
expect 2 'ode.cdl exists' "$program" new ode
expect 0 '"kind": "wave"|"dims": 1|"conditions": "value"|"output": "w.cdl"' "$program" new wave -o w.cdl --json
expect 0 '"wave": {"dims": [1, 2], "conditions": "value flux periodic"}' "$program" new --list --json

# Settings: in place of one, beside one, in groups that are not there, at the root.
rm -f s.cdl
expect 0 s.cdl "$program" new ode -o s.cdl --set pde.parameters.d=0.3 --set solver.tolerance=1e-3 --set experts.basis=7 \
    --set 'inputs.a.comment=a "b" \c' --set title=Mine
for line in '    :d = 0.3 ;                          // friction' '  :tolerance = 1e-3 ;' '  :basis = 7 ;' \
    '    :comment = "a \"b\" \\c" ;' ':title = "Mine" ;'; do
    grep -qxF -e "$line" s.cdl || complain "no line \"$line\"" "$(cat s.cdl)"
done
[ "$(grep -c ':basis' s.cdl)" -eq 1 ] || complain "basis stands there twice"
expect 0 'dt(u) + 0.3*u' "$program" check s.cdl
rm -f s.cdl
expect 3 'tolerant|did you mean "tolerance"' "$program" new ode -o s.cdl --set solver.tolerant=1
[ ! -e s.cdl ] || complain "a case that is wrong was left there"

# Mistakes.
expect 2 'did you mean "wave"' "$program" new wav
expect 2 'a kind of problem expected' "$program" new -o a.cdl
expect 2 '0 to 0 expected' "$program" new ode --dims 1 -o a.cdl
expect 2 '1 to 2 expected' "$program" new wave --dims 3 -o a.cdl
expect 2 'value periodic expected' "$program" new burgers --conditions flux -o a.cdl
expect 2 'has no space' "$program" new ode --conditions flux -o a.cdl
expect 2 'ends in .cdl' "$program" new wave -o a.nc
expect 2 'no name of a group' "$program" new wave -o a.cdl --set 'a b.c=1'
expect 2 'no name of an attribute' "$program" new wave -o a.cdl --set 'solver.1c=1'
expect 2 'one line expected' "$program" new wave -o a.cdl --set "title=a
b"
expect 5 'nowhere/a.cdl' "$program" new wave -o nowhere/a.cdl
[ ! -e a.cdl ] || complain "a.cdl was written all the same"

# Questions. Nothing is asked where nobody answers.
expect 2 'a kind of problem expected' "$program" new < /dev/null
if command -v script > found; then
    printf 'poisson\n\nflux\nasked.cdl\n' | script -qec "'$program' new" /dev/null > said 2>&1 || complain "$(cat said)"
    grep -q 'flux(u) = 0' asked.cdl || complain "answers are not in asked.cdl" "$(cat said)"
    printf 'nothing\n' | script -qec "'$program' new" /dev/null > said 2>&1 && complain "a wrong answer was taken"
else
    echo "no script(1): questions are not tried"
fi
exit $failed
