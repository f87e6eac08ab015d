#!/bin/sh
# Does the network pay? For every case with inputs: what a prediction costs, what a solve with all coefficients free
# costs at the same error on the coarsest grid that has it, what a classical solver costs there (pays_classical.py), and
# after how many predictions the training is earned. Prints a table in Markdown and a line of reason a case.
# usage: bench/pays.sh [CASE...] [--turns N] [--table]
# --table prints the table of what was measured before.
# Costs are milliseconds a sample on one thread, minima of N turns (5) in which all contestants alternate: network, solve
# and data at points, without output. PDEMOE names another program than build/release/bin/pdemoe, PAYS_OUT the folder for
# models and logs (build/pays; a model that is newer than its case is reused, remove it to train anew), PAYS_OPTIONS what
# eval is told of predictions besides, PYTHON a Python with NumPy, SciPy and netCDF4 (python3; without it the classical
# columns stay empty).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
program=${PDEMOE:-$root/build/release/bin/pdemoe}
out=${PAYS_OUT:-$root/build/pays}
python=${PYTHON:-python3}
tolerance=1e-2 # of all solves: that of predictions (solver:tolerance)
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# case  reference: exact (in the case), a file of shared/data or one beside the cases
#       control points tried: of space, then of time; factors of the case's own with a point in them, else numbers
list() {
    cat << 'END'
wave1d               exact                                                       scaled           scaled
heat_source          exact                                                       scaled           scaled
advection1d          exact                                                       scaled           scaled
allen_cahn           allen_cahn_reference.nc|allen_cahn/reference.nc             scaled           scaled
burgers              burgers_reference.nc|burgers/reference.nc                   scaled           scaled
burgers_random       burgers/random_reference.nc                                 scaled           scaled
poisson              exact                                                       scaled           1.
diffusion_sorption   diffusion_sorption_truth.nc|diffusion_sorption/reference.nc scaled           scaled
diffusion_sorption_columns diffusion_sorption_truth.nc|diffusion_sorption/reference.nc scaled     scaled
heat2d               exact                                                       scaled           scaled
kuramoto_sivashinsky kuramoto_sivashinsky/reference.nc                           scaled           scaled
darcy                darcy/reference.nc                                          50,42,34,26,18   1.
reaction_diffusion   reaction_diffusion/reference.nc                             scaled           scaled
conduction3d         conduction3d/reference.nc                                   12,11,10,9,8,7   1.
plume                plume/reference.nc                                          scaled           scaled
END
}
scaled_space="1.2 1. 0.85 0.7 0.6 0.5 0.42 0.35 0.3"
scaled_time="1. 0.75 0.5 0.35"

fail() {
    echo "pays.sh: $*" >&2
    exit 2
}
say() { echo "pays.sh: $*" >&2; }

. "$root/cases/files.sh"

# Dimensions of a case with their control points and degree, a line each: t 24 3.
dimensions() {
    awk '/group: domain/ { inside = 1 }
         /group: (experts|surrogate|training|solver|gate)/ { inside = 0 }
         !inside { next }
         { line = $0
           if (match(line, /group: [a-z]+/) && line !~ /group: domain/) { name = substr(line, RSTART + 7, RLENGTH - 7); degree[name] = 3 }
           if (match(line, /:degree = [0-9]+/)) degree[name] = substr(line, RSTART + 10, RLENGTH - 10)
           if (match(line, /:control_points = [0-9]+/)) { order[++n] = name; points[name] = substr(line, RSTART + 18, RLENGTH - 18) } }
         END { for (i = 1; i <= n; i++) print order[i], points[order[i]], degree[order[i]] }' "$1"
}

# Counts of all dimensions, "t=18 x=34", for a choice of space and one of time: a factor, or a number.
grid() {
    echo "$dimensions" | awk -v space="$1" -v of_time="$2" '
        { choice = $1 == "t" ? of_time : space
          n = choice ~ /\./ ? int($2*choice + 0.5) : choice + 0
          if (n < $3 + 2) n = $3 + 2
          printf "%s%s=%d", (NR > 1 ? " " : ""), $1, n }'
}

# Error in % (mean, of the worst field) and milliseconds of a sample, of what eval printed as JSON: those of network, solve
# and data; then network alone and solve alone.
error_and_cost() {
    awk '{ n = split($0, field, "mean relative L2 error ")
           for (i = 2; i <= n; i++) if (field[i] + 0 > worst) worst = field[i] + 0
           split("error samples seconds.network seconds.solve seconds.data", name, " ")
           for (i = 1; i <= 5; i++) {
               at = index($0, "\"" name[i] "\": ")
               if (!at) exit
               v[i] = substr($0, at + length(name[i]) + 4) + 0
           }
           per = 1000/v[2]
           if (n == 2) worst = 100*v[1] # of one field: more digits
           printf "%.6g %.6g %.6g %.6g\n", worst, per*(v[3] + v[4] + v[5]), per*v[3], per*v[4] }'
}

# eval of what the arguments say. Its exit code is that of a doubtful answer where a grid is too coarse.
measure() { "$program" eval "$@" --threads 1 -q --json < /dev/null 2> "$out/$name.said" | error_and_cost; }
# shellcheck disable=SC2086 # options are meant to be split
predicted() { measure "$model" ${reference:+"$reference"} ${PAYS_OPTIONS:-}; }
polished() { # grid
    settings=""
    for count in $1; do settings="$settings --set domain/${count%%=*}.control_points=${count##*=}"; done
    # shellcheck disable=SC2086 # options are meant to be split
    measure "$file" ${reference:+"$reference"} --polish "$tolerance" --set solver.accuracy=1 $settings
}
classical() {
    [ -z "$have_python" ] || "$python" "$root/bench/pays_classical.py" "${name%_columns}" "$inputs" "$@" 2>> "$out/$name.said" || true
}

is_newer() { [ -s "$1" ] && [ -z "$(find "$2" -newer "$1")" ]; }

# Model and seconds of its training, reused where they are newer than the case.
train() {
    is_newer "$out/$name.seconds" "$file" && [ -f "$model" ] && return
    say "$name: training"
    start=$(date +%s.%N)
    "$program" train "$file" -f -q -o "$model" --threads 1 > "$out/$name.train" 2> "$out/$name.said"
    echo "$start $(date +%s.%N)" | awk '{ printf "%.1f\n", $2 - $1 }' > "$out/$name.seconds"
}

# Every grid with its error and cost into NAME.grids: from fine to coarse, until the error is far above the target.
search() {
    target=$1
    : > "$out/$name.grids"
    for time in $times; do
        for space in $spaces; do
            counts=$(grid "$space" "$time")
            grep -q "^$counts|" "$out/$name.grids" && continue
            result=$(polished "$counts")
            [ -n "$result" ] || continue
            echo "$counts|$result" >> "$out/$name.grids"
            if echo "$result" | awk -v target="$target" '{ exit !($1 > 4*target) }'; then break; fi
        done
    done
}

# Once more the grids whose cost is less than twice that of the cheapest that is good enough: on a busy machine one turn
# may take that long.
search_again() {
    found=$(front "$1")
    limit=$(grep -F "${found%%|*}|" "$out/$name.grids" | awk -F '|' '{ split($2, v, " "); print 2*v[2]; exit }')
    [ -n "${found%%|*}" ] || return 0
    while IFS='|' read -r counts result; do
        if echo "$result" | awk -v limit="$limit" '{ exit !($2 < limit) }'; then result=$(least "$result" "$(polished "$counts")"); fi
        echo "$counts|$result"
    done < "$out/$name.grids" > "$out/$name.again"
    mv "$out/$name.again" "$out/$name.grids"
}

# Of the grids the cheapest whose error is at most the target, and, for a line between them, the most accurate of the
# cheaper ones: "GRID|GRID", the second may be empty.
front() {
    awk -F '|' -v target="$1" '
        { split($2, v, " "); grid[NR] = $1; error[NR] = v[1]; cost[NR] = v[2]
          if (error[NR] <= target && (!best || cost[NR] < cost[best])) best = NR }
        END { for (i = 1; i <= NR; i++)
                  if (error[i] > target && best && cost[i] < cost[best] && (!next_one || error[i] < error[next_one])) next_one = i
              if (best) print grid[best] "|" grid[next_one] }' "$out/$name.grids"
}

# The least cost of two lines "error cost ...", the line kept.
least() { printf '%s\n%s\n' "$1" "$2" | awk 'NF && (!n++ || $2 < least) { least = $2; line = $0 } END { print line }'; }

compare() {
    name=$1 spaces=$3 times=$4
    file=$(case_file "$name")
    reference=$(reference_file "$2")
    model=$out/$name.nc
    dimensions=$(dimensions "$file")
    [ "$spaces" = scaled ] && spaces=$scaled_space
    [ "$times" = scaled ] && times=$scaled_time
    spaces=$(echo "$spaces" | tr ',' ' ')
    train
    inputs=$reference
    if [ -z "$reference" ]; then # the inputs that eval draws
        inputs=$out/$name.inputs.nc
        is_newer "$inputs" "$file" || "$program" polish "$file" -q --threads 1 --samples 8 -o "$inputs" > /dev/null 2>&1 || true
    fi

    trained=$(predicted)
    target=${trained%% *}
    say "$name: trained $target %; grids"
    search "$target"
    search_again "$target"
    found=$(front "$target")
    own_grid=$(grid 1. 1.)
    run=$(classical "$target")
    resolution=$(echo "$run" | awk -F ' [|] ' '{ print $2 }')
    [ "${found%%|*}" ] || found="|"
    own="" best="" below="" quick="$(echo "$run" | awk -F ' [|] ' 'NF { print $3, $4 }')"
    say "$name: $turns turns of prediction, $own_grid, ${found%%|*}, ${found##*|}, $run"
    turn=0
    while [ $turn -lt "$turns" ]; do
        trained=$(least "$trained" "$(predicted)")
        own=$(least "$own" "$(polished "$own_grid")")
        [ -z "${found%%|*}" ] || best=$(least "$best" "$(polished "${found%%|*}")")
        [ -z "${found##*|}" ] || below=$(least "$below" "$(polished "${found##*|}")")
        [ -z "$resolution" ] || quick=$(least "$quick" "$(classical "$target" --at "$resolution" | awk -F ' [|] ' '{ print $3, $4 }')")
        turn=$((turn + 1))
    done
    echo "$name|$trained|$own_grid|$own|${found%%|*}|$best|${found##*|}|$below|${run:-|||}|$quick|$(cat "$out/$name.seconds")" > "$out/$name.row"
}

# Rows of all that was compared, as tables.
table() {
    awk -F '|' '
        function ms(x) { return x == "" ? "" : x < 0.1 ? sprintf("%.2g", x) : x < 10 ? sprintf("%.2f", x) : sprintf("%.0f", x) }
        function factor(x) { return x == 1 ? "1" : sprintf(x < 10 ? "%.1f" : "%.0f", x) }
        function by(counts) { gsub(/[a-z]+=/, "", counts); gsub(/ /, " x ", counts); return counts }
        function run(what, error, cost) { return cost == "" ? "-" : sprintf("%s: %.2g %%, %s ms", what, error, ms(cost)) }
        function pays(other) { return other == "" ? "-" : other > cost ? sprintf("%.0f", seconds*1000/(other - cost)) : "never" }
        function least(a, b) { return b != "" && b < a ? b : a }
        function times_of(x) { return x == "" ? "-" : factor(x/smallest) }
        function against(rival, least_of) {
            if (least_of == "") return rival " has no such error on the grids tried"
            if (cost < least_of) return sprintf("%s times cheaper than %s", factor(least_of/cost), rival)
            why = "network and solve together take longer"
            if (t[4] > least_of) why = "the solve takes longer"
            if (t[3] > least_of) why = t[4] > least_of ? "network and solve each take longer" : "the network alone takes longer"
            return sprintf("%s times dearer than %s: %s (%s ms)", factor(cost/least_of), rival, why, ms(least_of)) }
        function trim(s) { gsub(/^ +| +$/, "", s); return s }
        BEGIN { print "| case | trained | prediction | own grid, polished | cheapest grid as good, polished | polish at the trained error | classical, NumPy | prediction : polish : classical | training | pays after, against polish; classical |"
                print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |" }
        { split($2, t, " "); split($4, own, " "); split($6, best, " "); split($8, below, " ")
          method = trim($9); resolution = trim($10)
          split($13, quick, " "); seconds = $14
          cost = t[2]; equal = best[2]
          if (below[1] != "" && below[1] > t[1] && below[2] < best[2] && best[1] < t[1])
              equal = exp(log(best[2]) + log(t[1]/best[1])/log(below[1]/best[1])*log(below[2]/best[2]))
          classical = quick[2]
          smallest = least(cost, least(equal, classical))
          ratio = sprintf("%s : %s : %s", times_of(cost), times_of(equal), times_of(classical))
          printf "| %s | %.2g %% | %s ms, network %s | %s | %s | %s | %s | %s | %.0f s | %s; %s |\n",
              $1, t[1], ms(cost), ms(t[3]), run(by($3), own[1], own[2]), run(by($5), best[1], best[2]),
              equal == "" ? "-" : ms(equal) " ms", run(resolution, quick[1], classical), ratio, seconds, pays(equal), pays(classical)
          reasons = reasons "* " $1 ": " against("a polish", equal) (classical == "" ? "" : "; " against(method, classical)) ".\n" }
        END { printf "\n%s", reasons }'
}

turns=5 names="" again=0
while [ $# -gt 0 ]; do
    case $1 in
    --turns)
        [ $# -gt 1 ] || fail "--turns N"
        turns=$2
        shift
        ;;
    --table) again=1 ;;
    -*) fail "$1? usage: bench/pays.sh [CASE...] [--turns N] [--table]" ;;
    *) names="$names $1" ;;
    esac
    shift
done
[ -n "$names" ] || names=$(list | cut -d ' ' -f 1)
[ -x "$program" ] || fail "$program is missing: ./demo.sh builds it"
have_python=$("$python" -c 'import netCDF4, numpy, scipy; print("yes")' 2> /dev/null || true)
[ -n "$have_python" ] || say "$python lacks NumPy, SciPy or netCDF4: no classical runs"
mkdir -p "$out"
for name in $names; do
    row=$(list | grep "^$name ") || fail "no case $name; there are: $(list | cut -d ' ' -f 1 | tr '\n' ' ')"
    # shellcheck disable=SC2086 # the columns of the list
    [ $again -eq 1 ] || compare $row
done
for name in $names; do cat "$out/$name.row"; done | table
