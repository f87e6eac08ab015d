#!/bin/sh
# Ranks by MPI: all collective calls, a host program that hands over half of its ranks, a rank that fails, stays away, or is
# killed, and the program under mpirun.
# usage: test_mpi.sh MPIRUN PROGRAM MPI_CALLS MPI_HOST
set -u

mpirun=$1 program=$2 calls=$3 host=$4
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
write_case tiny -e ''

# count N WORDS: so many lines of what was said have them.
count() {
    n=$(grep -cF -e "$2" said)
    [ "$n" -eq "$1" ] || complain "$n times \"$2\"; $1 expected" "$(cat said)"
}

# All calls, and the same bits on all ranks.
for n in 1 2 3 4; do
    expect 0 "rank 0 of $n: hash|fine" "$mpirun" -n $n "$calls" check
    count $n fine
    [ "$(sed -n 's/.*hash \([0-9a-f]*\) .*/\1/p' said | sort -u | wc -l)" -eq 1 ] ||
        complain "ranks have different sums" "$(cat said)"
done
expect 0 'rank 0 of 1: hash|fine' "$calls" check

# A program that has begun MPI itself: two halves, each on ranks of its own, with the loss of one rank.
expect 0 'rank 0: loss' "$mpirun" -n 4 "$host" tiny.cdl
count 4 loss
[ "$(sed -n 's/.*: loss //p' said | sort -u | wc -l)" -eq 1 ] || complain "losses differ" "$(cat said)"
four=$(sed -n 's/.*: loss //p' said | sort -u)
expect 0 'rank 0: loss' "$host" tiny.cdl
one=$(sed -n 's/.*: loss //p' said)
awk -v a="$four" -v b="$one" 'BEGIN { exit !(a != "" && (a - b)^2 <= 1e-18 * b^2) }' ||
    complain "the loss of two ranks is $four, of one $one"

# One rank fails: all have its words. One stays away: it is named.
expect 0 'rank 0 has status 5: rank 1: file is damaged|rank 1 has status 5: file is damaged' "$mpirun" -n 3 "$calls" fail 1
count 1 'rank 2 has status 5: rank 1: file is damaged'
expect 0 'waits for rank 1' "$mpirun" -n 2 "$calls" wait 1

# One is killed: all end, soon.
start=$(date +%s)
got=0
"$mpirun" -n 3 "$calls" kill 1 > said 2>&1 || got=$?
[ "$got" -ne 0 ] || complain "a rank was killed, and mpirun ends with 0" "$(cat said)"
[ $(($(date +%s) - start)) -le 10 ] || complain "ranks lived on after one was killed"

# As the program ends: whichever rank has failed, its error is printed once, and its exit code is that of all.
for rank in 0 1 2; do
    expect 4 'file is damaged' "$mpirun" -n 3 "$calls" program $rank
    count 1 'file is damaged'
done
expect 0 'fine' "$mpirun" -n 3 "$calls" program -1

# The program: MPI is among its parts; a command that does not run on several ranks says so, once. What runs on them needs
# the object that has MPI.
expect 0 'MPI ' "$program" --version
expect 0 '' "$mpirun" -n 2 "$program" --version
count 1 'commit '
expect 2 'merge does not run on several ranks yet; start it alone' "$mpirun" -n 3 "$program" merge a.nc b.nc -o c.nc
count 1 'start it alone'

# What commands print, and what they tell, apart: mpirun may put a piece of one into a line of the other.
apart() { "$@" > said 2> told || complain "exit code $?: $*" "$(cat said told)"; }

# Training: the losses, to their last digit but for rounding, and the errors of one rank; told once.
losses() { sed -n 's/.*"step": \([0-9]*\), "loss": \([^,]*\),.*/\1 \2/p' "$1"; }
for ranks in 1 2 3 4; do
    apart "$mpirun" -n $ranks "$program" train tiny.cdl -o ranks$ranks.nc -f
    count 1 '6 of 6 steps'
    mv told said
    count 1 'step=6 steps=6'
    losses ranks$ranks.log.jsonl > losses.$ranks
    awk 'NR == FNR { loss[$1] = $2; next } { n++; if (($2 - loss[$1])^2 > 1e-18 * $2^2) exit 1 } END { if (n < 6) exit 1 }' \
        losses.1 losses.$ranks || complain "losses of $ranks ranks" "$(cat losses.1 losses.$ranks)"
done

# Predictions, polishes and evaluations: the numbers of one rank, but for times.
expect 0 '' "$program" polish tiny.cdl -o inputs.nc --samples 5
answers() {
    grep -E '^[0-9]|^field' said | sed 's/[0-9.e-]* s  //' | tr -s ' ' > "$1.$2"
    [ "$(wc -l < "$1.$2")" -ge 5 ] || complain "$1 by $2 ranks" "$(cat said)"
    cmp -s "$1.1" "$1.$2" || complain "$1 by $2 ranks" "$(cat "$1.1" "$1.$2")"
}
for ranks in 1 2 3; do
    apart "$mpirun" -n $ranks "$program" predict ranks1.nc inputs.nc -o out$ranks.nc
    count 1 'samples'
    apart "$mpirun" -n $ranks "$program" eval ranks1.nc out$ranks.nc
    answers eval $ranks
    apart "$mpirun" -n $ranks "$program" polish tiny.cdl -o polished$ranks.nc --samples 5
    answers polish $ranks
done

# What is wrong is said once, and without MPI nothing is done.
expect 3 'unknown group' "$mpirun" -n 2 "$program" train tiny.cdl -o two.nc --set no.such=1
count 1 'pdemoe: '
mkdir empty
PDEMOE_BACKENDS=$folder/empty expect 8 'there is no pdemoe_mpi.so in' "$mpirun" -n 2 "$program" train tiny.cdl -o two.nc
count 1 'pdemoe_mpi.so'
[ ! -e two.nc ] || complain "a model was written"
exit $failed
