#!/bin/sh
# Trainings on 3 ranks of which one, by turns, is killed at some moment: all end soon, the checkpoint is whole, and what goes
# on from it, on 1 to 4 ranks, ends with the weights of a training that nobody has killed.
# usage: test_mpi_kills.sh MPIRUN PROGRAM NUMBER
set -u

mpirun=$1 program=$2 number=$3
. "$(dirname "$0")/program.sh"

cat > heat.cdl << 'CASE'
netcdf heat {
group: pde { :fields = "u" ;
  group: residuals { :u = "dt(u) - 0.1*dxx(u) + u^2" ; }
  group: initial { :u = "a*sin(pi*x)" ; }
  group: boundary { :x_min = "u = 0" ; :x_max = "u = 0" ; } }
group: inputs { group: a { :distribution = "uniform(0.5, 1)" ; } }
group: domain { :dimensions = "t x" ;
  group: t { :extent = 0., 0.5 ; :control_points = 24 ; }
  group: x { :extent = 0., 1. ; :control_points = 24 ; } }
group: experts { :slabs = 2 ; :basis = 6 ; }
group: surrogate { :width = 8 ; :layers = 2 ; }
group: training { :batch = 8 ; :steps = 60 ; :checkpoint_every = 5 ; }
}
CASE
train() { "$mpirun" -n "$1" "$program" train heat.cdl -o "$2" --threads 1 -q "${3:--f}"; }
last() { sed -n 's/.*"step": 60, "loss": \([^,]*\),.*/\1/p' "$1"; }

expect 0 '' train 1 whole.nc
right=$(last whole.log.jsonl)
[ -n "$right" ] || complain "no last loss" "$(cat said)"

# The rank's process: mpirun's children, in their order.
kill_rank() { kill -9 "$(ps -o pid= --ppid "$1" | sed -n "$(($2 + 1))p" | tr -d ' ')" 2> /dev/null; }

killed=0
for k in $(seq 1 "$number"); do
    rm -f cut.nc cut.log.jsonl
    train 3 cut.nc > said 2>&1 &
    job=$!
    sleep "0.$((k * 7 % 10))$((k * 3 % 10))"
    kill_rank "$(ps -o pid= --ppid $job | head -n 1 | tr -d ' ')" $((k % 3)) || kill_rank $job $((k % 3))
    start=$(date +%s)
    wait $job
    ended=$?
    [ $(($(date +%s) - start)) -le 10 ] || complain "ranks lived on for $(($(date +%s) - start)) s"
    [ $ended -eq 0 ] || killed=$((killed + 1))
    expect 0 '' train $((k % 4 + 1)) cut.nc --resume
    got=$(last cut.log.jsonl)
    awk -v a="$got" -v b="$right" 'BEGIN { exit !(a != "" && (a - b)^2 <= 1e-16 * b^2) }' ||
        complain "after kill $k the last loss is $got, $right expected"
done
echo "$killed of $number trainings were cut short"
[ "$killed" -ge $((number / 3)) ] || complain "$killed of $number trainings were cut short"
exit $failed
