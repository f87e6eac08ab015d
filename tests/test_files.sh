#!/bin/sh
# Files of the program in rough weather: signals, names that are taken, closed descriptors, other processes.
# usage: test_files.sh PROGRAM
set -u

program=$1
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export OMP_NUM_THREADS=1

write_case tiny -e ''
write_inputs inputs -e ''
"$program" train tiny.cdl -o model.nc -q > /dev/null

# until COMMAND...: waits for it to be true, not for ever
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 1000 ] || { complain "never happened: $*"; return; }
        sleep 0.02
    done
}
there() { [ -e "$1" ]; }

# ---- a signal leaves nothing unfinished, and what was there stays ----
# ended SIGNAL CODE COMMAND...: the command, which writes out.nc for a long time, is ended while it does
ended() {
    signal=$1 wanted=$2
    shift 2
    echo precious > out.nc
    "$@" > said 2>&1 &
    process=$!
    until_true sh -c 'ls out.nc.part-* > /dev/null 2>&1'
    kill "-$signal" $process
    got=0
    wait $process || got=$?
    [ $got -eq "$wanted" ] || complain "exit code $got, $wanted expected: $*" "$(cat said)"
    if ls out.nc.part-* > /dev/null 2>&1; then complain "left behind: $(ls out.nc.part-*)"; fi
    [ "$(cat out.nc)" = precious ] || complain "out.nc was touched: $*"
}
ended TERM 143 "$program" polish tiny.cdl -o out.nc --samples 1000000
ended HUP 129 "$program" polish model.nc -o out.nc --samples 1000000
ended TERM 143 "$program" reference tiny.cdl -o out.nc --samples 1000 --tol 1e-12

# of ncgen too, while it works
mkdir slow scratch
printf '#!/bin/sh\nexec sleep 30\n' > slow/ncgen
chmod +x slow/ncgen
PATH=$PWD/slow:$PATH TMPDIR=$PWD/scratch "$program" info tiny.cdl > said 2>&1 &
process=$!
until_true sh -c 'ls scratch/pdemoe-* > /dev/null 2>&1'
kill -TERM $process
wait $process && complain "info was not ended"
[ -z "$(ls scratch)" ] || complain "left behind: $(ls scratch)"

# what a killed process left goes with the next run; what looks like it and is not ours stays
"$program" polish tiny.cdl -o swept.nc --samples 1000000 > said 2>&1 &
process=$!
until_true sh -c 'ls swept.nc.part-* > /dev/null 2>&1'
kill -KILL $process
wait $process 2> said && complain "polish was not killed"
ls swept.nc.part-* > parts
touch swept.nc.part-12345 swept.nc.part-00000000-1-0
expect 0 'converged' "$program" polish tiny.cdl -o swept.nc --samples 1
while read -r part; do there "$part" && complain "not swept: $part"; done < parts
there swept.nc.part-12345 && there swept.nc.part-00000000-1-0 || complain "files of others were removed"

# ---- two trainings of one file refuse each other ----
"$program" train tiny.cdl -o two.nc --set training.steps=1000000 > first 2>&1 &
process=$!
until_true there two.nc
expect 5 "two.nc: another training writes it: process $process on $(uname -n), since |two.nc.lock" \
    "$program" train tiny.cdl -o two.nc --resume
grep -q "^process=$process host=" two.nc.lock || complain "the lock says: $(cat two.nc.lock)"
ln -s two.nc link.nc
expect 5 "link.nc: another training writes it: process $process" "$program" train tiny.cdl -o link.nc --resume
kill -TERM $process
got=0
wait $process || got=$?
[ $got -eq 130 ] || complain "exit code $got after SIGTERM; 130 expected" "$(cat first)"
there two.nc.lock && complain "the lock was left behind"

# one that was killed leaves a lock that holds nobody; one of another machine holds until it is removed
"$program" train tiny.cdl -o two.nc --resume > first 2>&1 &
process=$!
until_true there two.nc.lock
kill -KILL $process
wait $process
there two.nc.lock || complain "a killed training has removed its lock"
echo 'process=1 host=elsewhere kernel=00000000 since=2026-01-01T00:00:00Z' > other.nc.lock
expect 5 'process 1 on elsewhere, since 2026-01-01T00:00:00Z|other.nc.lock|if not, remove that file' \
    "$program" train tiny.cdl -o other.nc
expect 0 '6 of 6 steps' "$program" train tiny.cdl -o other.nc --force
there other.nc.lock && complain "the lock was left behind"
echo precious > victim
ln -s victim linked.nc.lock
expect 5 'linked.nc.lock: cannot be written: it is a link' "$program" train tiny.cdl -o linked.nc
rm linked.nc.lock
mkfifo linked.nc.lock
expect 5 'linked.nc.lock: cannot be written: it exists and is not a regular file' "$program" train tiny.cdl -o linked.nc
[ "$(cat victim)" = precious ] || complain "the lock was written through a link"

# --force takes it from a training that goes on, which then stops before it writes
rm two.log.jsonl
"$program" train tiny.cdl -o two.nc --force --set training.steps=1000000 --set training.checkpoint_every=1000 \
    > first 2>&1 &
process=$!
until_true [ -s two.log.jsonl ]
expect 0 '6 of 6 steps' "$program" train tiny.cdl -o two.nc --force
cp two.nc kept.nc
got=0
wait $process || got=$?
[ $got -eq 5 ] || complain "exit code $got of the training whose file was taken; 5 expected"
grep -q 'two.nc: not written: its lock .* was taken away' first || complain "said: $(cat first)"
cmp two.nc kept.nc || complain "the file was written although it had been taken"

# ---- logs: one a model, each step once, and none lost to a training that cannot begin ----
expect 0 '6 of 6 steps' "$program" train tiny.cdl -o same.nc
expect 0 '6 of 6 steps' "$program" train tiny.cdl -o same # no name in .nc: another log
[ "$(wc -l < same.log.jsonl)" -eq 6 ] && [ "$(wc -l < same.jsonl)" -eq 6 ] || complain "two models share a log"
(trap '' XFSZ && ulimit -f 1 && "$program" train tiny.cdl -o same.nc --force) > said 2>&1
[ "$(wc -l < same.log.jsonl)" -eq 6 ] || complain "the log went with a training that could not write its model"
mv same.nc later.nc # without its log
expect 0 '9 of 9 steps' "$program" train tiny.cdl -o later.nc --resume --set training.steps=9
grep -q '^{"step": 7,' later.log.jsonl || complain "the log does not start at step 7: $(head -n 1 later.log.jsonl)"
cp same later.nc # a checkpoint of step 6, as after a kill
expect 0 '9 of 9 steps' "$program" train tiny.cdl -o later.nc --resume --set training.steps=9
[ "$(wc -l < later.log.jsonl)" -eq 3 ] || complain "a resumed log has steps twice"

# ---- who may read a file, and who writes it, stays ----
chmod 600 later.nc
expect 0 '12 of 12 steps' "$program" train tiny.cdl -o later.nc --resume --set training.steps=12
case $(ls -l later.nc) in -rw-------*) ;; *) complain "a private model has become: $(ls -l later.nc)" ;; esac
if [ "$(id -u)" -ne 0 ]; then
    chmod 400 later.nc
    expect 5 'later.nc: cannot be written: Permission denied' "$program" train tiny.cdl -o later.nc --force
fi

# ---- who reads the progress may go; the training stays ----
"$program" train tiny.cdl -o piped.nc --verbose --set training.steps=400 2>&1 | head -n 1 > said
expect 0 'of 400 steps|400 of 400' "$program" info piped.nc

# ---- a file that another process writes is called that ----
if command -v flock > said; then
    for file in model.nc inputs.nc; do
        cp $file held.nc
        case $file in model.nc) set -- info held.nc ;; *) set -- predict model.nc held.nc -o held_out.nc ;; esac
        expect 5 'held.nc: in use: another process has it open for writing|HDF5_USE_FILE_LOCKING=FALSE' \
            flock -x held.nc "$program" "$@"
        expect 0 '' env HDF5_USE_FILE_LOCKING=FALSE flock -x held.nc "$program" "$@"
        expect 0 '' flock -s held.nc "$program" "$@"
    done
fi

# ---- closed descriptors: what is printed does not go into files ----
"$program" train tiny.cdl -o closed.nc --set training.steps=30 2>&- > said || complain "train with stderr closed: $(cat said)"
grep -v '^{.*}$' closed.log.jsonl && complain "the log of the training has other lines"
[ "$(wc -l < closed.log.jsonl)" -eq 30 ] || complain "the log has $(wc -l < closed.log.jsonl) lines"
expect 0 '30 steps are done' "$program" train tiny.cdl -o closed.nc --resume
got=0
"$program" train tiny.cdl -o closed.nc --force <&- >&- 2>&- || got=$?
[ $got -eq 5 ] || complain "exit code $got with all closed; 5 expected, for stdout"
grep -v '^{.*}$' closed.log.jsonl && complain "the log of the training has other lines"
expect 0 '6 of 6 steps' "$program" info closed.nc

# ---- what files say cannot steer a terminal ----
# quiet COMMAND...: no control characters in what it says, whatever its exit code
quiet() {
    "$@" > said 2>&1
    LC_ALL=C tr -d '\n\t -~' < said > rest
    if LC_ALL=C grep -q "$(printf '[\001-\037\177-\237]')" rest; then complain "control characters: $*" "$(od -c rest)"; fi
}
esc=$(printf '\033')
printf 'x%s]0;y\007%s[2Jz\302\233m\233m\342\200\256' "$esc" "$esc" > bytes
for place in 's/:u = "dt(u)/:u = "BYTES dt(u)/' 's/:D = 0.05/:D = "BYTES"/' 's/"uniform/"BYTES/' 's/:basis = 4/:BYTES = 4/' \
    's/:u = "1"/:u = "BYTES"/' 's/^group: pde {/:title = "BYTES" ; &/' 's/group: t/group: BYTES/'; do
    sed -e "$place" tiny.cdl | awk -v bytes="$(cat bytes)" '{ gsub("BYTES", bytes); print }' > odd.cdl
    quiet "$program" check odd.cdl
    quiet "$program" info odd.cdl --json
    [ -s said ] || complain "nothing was said: $place"
done
quiet "$program" info "$(cat bytes)"
cp model.nc "$(cat bytes).nc"
quiet "$program" predict "$(cat bytes).nc" inputs.nc -o "$(cat bytes)-out.nc"
grep -qF '\x1b]0;y\x07\x1b[2Jz\u009bm\x9bm\u202e-out.nc: 3 samples' said || complain "said: $(od -c said)"
quiet "$program" eval "$(cat bytes).nc" "$(cat bytes)-out.nc" --json
grep -qF '\u001b]0;y\u0007\u001b[2Jz\u009bm\ufffdm\u202e.nc' said || complain "said: $(od -c said)"

# ---- a crash while reading is told ----
printf '#!/bin/sh\nkill -ABRT $PPID\n' > slow/ncgen
TMPDIR=$PWD/scratch
export TMPDIR
expect 6 'tiny.cdl: the process that read it crashed' env PATH="$PWD/slow:$PATH" "$program" info --isolated tiny.cdl
expect 134 '' env PATH="$PWD/slow:$PATH" "$program" info tiny.cdl
unset TMPDIR
expect 0 '6 of 6 steps' "$program" info model.nc --isolated
expect 0 '"kind": "model"' "$program" info model.nc --isolated --json
expect 5 'no.nc: cannot be read' "$program" info no.nc --isolated
cut -c 1-1000 < model.nc > cut.nc
expect 6 'cut.nc is neither a model nor a case' "$program" info cut.nc --isolated

exit $failed
