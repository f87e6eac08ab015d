#!/bin/sh
# Cases: each trains a few steps and meets its bars (cases/run.sh --short); its data obey its equations by check --against;
# and a case with a sign flipped, a factor or a condition changed does not go unnoticed there.
# usage: test_cases.sh ROOT PROGRAM NAME...|all     the cases
set -u

root=$1 program=$2
shift 2
names=$*
. "$(dirname "$0")/program.sh"

# Bars are those of the list in run.sh.
PDEMOE=$program CASES_OUT=$PWD/models sh "$root/cases/run.sh" "$@" --short > said 2>&1 || complain "cases/run.sh $names --short"
cat said

# What a prediction gains, by bench/pays.sh: the model of a few steps against polishes on coarser grids.
echo 1 > models/poisson.seconds
expect 0 'than a polish' env PDEMOE="$program" PAYS_OUT="$PWD/models" PYTHON=false sh "$root/bench/pays.sh" poisson --turns 1

# Fields to hold the equations against: a reference of other origin where there is one, else the polished case, which a
# wrong case contradicts as well.
data_for() {
    for file in "$root/cases/$1/reference.nc" "$root/cases/"*"/${1#*_}_reference.nc"; do
        if [ -f "$file" ]; then
            echo "$file"
            return
        fi
    done
    [ -f "$1.nc" ] || "$program" polish "$root/cases/$1/$1.cdl" -q -o "$1.nc" --samples 4 > /dev/null 2>&1
    echo "$PWD/$1.nc"
}

# What is left of the equations, in % of the largest term, for the worst of them.
residual() { sed -n 's/^equation .*: residual \([^ ]*\) %.*/\1/p' said | sort -g | tail -n 1; }

# noticed CASE SED WORDS: as it is, the case obeys its data (to 1 %; 5 % where the solution has kinks), and check finds
# nothing; after the sed command check says WORDS (in "wanted": "words" is expect's own).
noticed() {
    name=$1 change=$2 wanted=$3 most=${4:-1}
    case " $names " in *" $name "* | " all ") ;; *) return ;; esac
    right=$(ls "$root/cases/"*"/$name.cdl")
    data=$(data_for "$name")
    expect 0 'nothing found' "$program" check "$right" --against "$data"
    left=$(residual)
    awk "BEGIN { exit !($left < $most) }" || complain "$name: a residual of $left %" "$(cat said)"
    sed "$change" "$right" > wrong.cdl
    if cmp -s "$right" wrong.cdl; then complain "$name: \"$change\" changes nothing"; fi
    expect 0 "$wanted" "$program" check wrong.cdl --against "$data"
}

noticed diffusion_sorption 's/dx(D\*dx(u))/dx(2*D*dx(u))/' 'the data fit better with 0.5 * dx'
noticed poisson 's/- f"/+ f"/' 'sign looks wrong'
noticed heat2d 's/dx(D\*dx(u))/dx(2*D*dx(u))/' 'the data fit better with 0.5'
noticed heat_source 's/\(:source = "\)2\*v/\1v/' 'the data fit better with'
noticed wave1d 's/:u_t = "b/:u_t = "2*b/' 'the data do not meet it'
noticed advection1d 's/+ dx(v\*u)/- dx(v*u)/' 'sign looks wrong'
noticed burgers 's/- nu\*dx(u)/+ nu*dx(u)/' 'sign looks wrong'
noticed burgers_random 's|u^2/2|u^2|' 'the data fit better with 0.5 * dx'
noticed allen_cahn 's/- 5\*u"/+ 5*u"/' 'sign looks wrong'
noticed darcy 's/"-dx(k/"dx(k/' 'sign looks wrong' 5
noticed conduction3d 's/+ u^3 - f"/- u^3 - f"/' 'sign looks wrong' 5
noticed plume 's/rise\*u - D/rise*u + D/' 'sign looks wrong'
noticed reaction_diffusion 's/- (u - v)"/- (u + v)"/' 'sign looks wrong'
noticed navier_stokes 's/"-invlap(w)"/"invlap(w)"/' 'sign looks wrong'
noticed kuramoto_sivashinsky 's/+ dxx(u) +/- dxx(u) +/' 'sign looks wrong'
exit $failed
