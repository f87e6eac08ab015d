#!/bin/sh
# Training gives the same bits with one and two threads, and when it is killed or interrupted and resumed.
# usage: test_resume.sh PROGRAM
set -u

program=$1
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

steps=160
write_case tiny -e "s/:steps = 6/:steps = $steps/" -e 's/checkpoint_every = 2/checkpoint_every = 7/'

# The whole model file has to agree, and the numbers of the log (its times and memory do not).
same_as_whole() {
    cmp "$1.nc" whole.nc || complain "$1.nc differs from the run that was left alone"
    for run in "$1" whole; do sed 's/"seconds".*//' "$run.log.jsonl" > "$run.numbers.txt"; done
    cmp "$1.numbers.txt" whole.numbers.txt || complain "the log of $1 differs"
}

expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o whole.nc --threads 1
[ "$(wc -l < whole.log.jsonl)" -eq $steps ] || complain "the log has $(wc -l < whole.log.jsonl) lines"

# ---- threads ----
expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o threads.nc --threads 2
same_as_whole threads

lines() {
    if [ -f "$1" ]; then wc -l < "$1"; else echo 0; fi
}

# Starts training in the background, waits for as many steps as asked, sends the signal; the exit code in $got. A run that
# was through before the signal came does not count, and is tried again from fewer steps on. Behind the third argument:
# further ones of train.
stop_by() {
    signal=$1 model=$2 after=$3 left=8
    shift 3
    while :; do
        rm -f "$model.nc" "$model.log.jsonl"
        "$program" train tiny.cdl -o "$model.nc" --threads 2 "$@" > "$model.said" 2>&1 &
        process=$!
        while kill -0 $process 2> /dev/null && [ "$(lines "$model.log.jsonl")" -lt "$after" ]; do sleep 0.01; done
        kill "-$signal" $process 2> /dev/null
        wait $process 2> /dev/null
        got=$?
        [ $got -eq 0 ] || [ "$(lines "$model.log.jsonl")" -ge $steps ] || return
        after=$(((after + 1) / 2)) left=$((left - 1))
        [ $left -gt 0 ] || return
    done
}

random_step() {
    echo $(($(od -An -N2 -tu2 /dev/urandom) % (steps - 40) + 1))
}

# ---- SIGKILL, three times over the same model, at random steps ----
for i in 1 2 3; do
    step=$(random_step)
    stop_by KILL "killed$i" "$step"
    [ $got -eq 137 ] || complain "killed near step $step: exit code $got"
    expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o "killed$i.nc" --resume --threads "$((i % 2 + 1))"
    same_as_whole "killed$i"
done

# ---- SIGINT and SIGTERM: a checkpoint of the step, exit code 130 ----
for signal in INT TERM; do
    stop_by "$signal" "$signal" 20
    [ $got -eq 130 ] || complain "SIG$signal: exit code $got: $(cat "$signal.said")"
    grep -q 'the checkpoint is' "$signal.said" || complain "SIG$signal: $(cat "$signal.said")"
    expect 0 "$(wc -l < "$signal.log.jsonl") of $steps steps" "$program" info "$signal.nc"
    expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o "$signal.nc" --resume
    same_as_whole "$signal"
done

# ---- another case is refused ----
expect 6 'whole.nc|another case|tiny.cdl' "$program" train tiny.cdl -o whole.nc --resume --set training.seed=2
expect 6 'another case' "$program" train tiny.cdl -o whole.nc --resume --set pde.parameters.D=0.06
same_as_whole threads

# ---- a setting at its default is the same case as none, whichever of the two the model was made with ----
expect 0 "all $steps steps are done" "$program" train tiny.cdl -o whole.nc --resume --set solver.ridge=1e-10 --set training.clip=3
expect 0 '1 of 1 steps' "$program" train tiny.cdl -o stated.nc --set training.steps=1 --set training.clip=3 --set domain.sub=2
expect 0 'all 1 steps are done' "$program" train tiny.cdl -o stated.nc --resume

# ---- with columns that are made of each sample's initial state ----
write_case tiny -e "s/:steps = 6/:steps = $steps/" -e 's/checkpoint_every = 2/checkpoint_every = 7/' \
    -e 's/:basis = 4 ;/:basis = 4 ; :prior = "taylor" ;/'
mv whole.nc polynomial.nc
expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o whole.nc --force --threads 2
cmp -s whole.nc polynomial.nc && complain 'the prior "taylor" changes nothing'
stop_by KILL taylor 60
[ $got -eq 137 ] || complain "killed near step 60: exit code $got"
expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o taylor.nc --resume --threads 1
same_as_whole taylor
write_inputs inputs -e ''
expect 0 '' "$program" predict taylor.nc inputs.nc -o again.nc
expect 0 '' "$program" predict whole.nc inputs.nc -o once.nc
for file in again once; do ncdump -v u $file.nc | sed -n '/^data:/,$p' > $file.txt; done
cmp again.txt once.txt || complain 'the predictions differ'

# ---- with a gate, its price, and what it keeps of recent steps ----
write_case tiny -e "s/:steps = 6/:steps = $steps/" -e 's/checkpoint_every = 2/checkpoint_every = 7/'
expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o whole.nc --force --threads 2 --set gate.groups=2
ncdump -h whole.nc | grep -q usage_groups || complain 'the model does not say how groups were used'
stop_by KILL gated 60 --set gate.groups=2
[ $got -eq 137 ] || complain "killed near step 60: exit code $got"
expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o gated.nc --resume --threads 1 --set gate.groups=2
same_as_whole gated

# ---- with windows that are learned ----
expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o whole.nc --force --threads 2 --set experts.partition=learned
ncdump -h whole.nc | grep -q logits || complain 'the model does not have the logits of its windows'
stop_by KILL learned 60 --set experts.partition=learned
[ $got -eq 137 ] || complain "killed near step 60: exit code $got"
expect 0 "$steps of $steps steps" "$program" train tiny.cdl -o learned.nc --resume --threads 1 --set experts.partition=learned
same_as_whole learned

exit "$failed"
