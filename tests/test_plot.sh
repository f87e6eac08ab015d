#!/bin/sh
# pdemoe plot: pictures of every kind, what they say, and what is refused with which exit code. Skipped without Cairo.
# usage: test_plot.sh PROGRAM
set -u

program=$1
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
mkdir out
# What fontconfig keeps to the end is not ours (for builds with the address sanitizer).
echo 'leak:libfontconfig' > suppressions
export LSAN_OPTIONS="suppressions=$PWD/suppressions:print_suppressions=0"

# make NAME sed commands...: two samples of u and v over time and space.
make() {
    name=$1
    shift
    sed "$@" > "$name.cdl" << 'END'
netcdf fields {
dimensions:
  sample = 2 ; t = 3 ; x = 4 ;
variables:
  double t(t) ;
    t:units = "s" ;
    t:long_name = "time since start" ;
    t:axis = "T" ;
  double x(x) ;
    x:units = "m" ;
  double a(sample) ;
  double u(sample, t, x) ;
    u:units = "kg m-3" ;
    u:long_name = "concentration" ;
  double v(sample, t, x) ;
    v:units = "K" ;
    :title = "two fields" ;
data:
  t = 0, 0.5, 2 ;
  x = 0, 0.25, 0.5, 1 ;
  a = 0.25, 0.75 ;
  u = 0,1,2,3, 1,2,3,4, 2,3,4,5,  5,4,3,2, 4,3,2,1, 3,2,1,0 ;
  v = 1,1,1,1, 1,1,1,1, 1,1,1,1,  2,2,2,2, 2,2,2,2, 2,2,2,2 ;
}
END
    ncgen -4 -o "$name.nc" "$name.cdl" || complain "ncgen does not take $name.cdl"
}

# refused CODE WORDS COMMAND...: as expect(), with one message, and nothing new in the folder.
refused() {
    code=$1 words=$2
    shift 2
    ls -a . out > before
    expect "$code" "$words" "$@"
    [ "$(grep -c '^pdemoe: ' said)" -eq 1 ] || complain "not one message: $*" "$(cat said)"
    ls -a . out > after
    cmp -s before after || complain "files changed: $*" "$(diff before after)"
}

starts_with() {
    [ "$(head -c "${#2}" "$1")" = "$2" ] || complain "$1 does not start with $2"
}

# says FILE.svg WORD|WORD...: texts of the picture.
says() {
    file=$1
    old=$IFS
    IFS='|'
    for word in $2; do
        grep -qF -e "$word" "$file" || complain "no \"$word\" in $file: $(sed -n '/<desc>/,/<\/desc>/p' "$file")"
    done
    IFS=$old
}

# Width of a PNG, bytes 17 to 20 of the file.
png_width() {
    od -An -tu1 -j16 -N4 "$1" | { read -r a b c d && echo $(((a << 24) + (b << 16) + (c << 8) + d)); }
}

touch said before after
make fields -e ''
"$program" plot fields.nc -o out/first.png > said 2>&1
if [ $? -eq 8 ]; then
    grep -q 'no Cairo.*libcairo2-dev' said || complain "not said what is missing: $(cat said)"
    [ "$failed" -eq 0 ] || exit 1
    echo "skipped: this build has no Cairo"
    exit 77
fi
expect 0 'Usage: pdemoe plot FILE [REFERENCE.nc] --output PICTURE|--sample N|--field NAME|--width PIXELS|--title TEXT' "$program" plot --help

# ---- fields ----
expect 0 'out/a.png|pixels, 2 samples' "$program" plot fields.nc -o out/a.png
[ "$(head -c 8 out/a.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || complain "out/a.png is no PNG"
[ "$(tail -c 8 out/a.png | od -An -tx1 | tr -d ' \n')" = 49454e44ae426082 ] || complain "out/a.png has no end"
[ "$(png_width out/a.png)" -eq 1600 ] || complain "out/a.png is $(png_width out/a.png) pixels wide"
expect 0 '800 x' "$program" plot fields.nc -o out/a.PNG --width 800
[ "$(png_width out/a.PNG)" -eq 800 ] || complain "--width 800 gives $(png_width out/a.PNG) pixels"
expect 0 'out/a.pdf' "$program" plot fields.nc -o out/a.pdf
starts_with out/a.pdf '%PDF-1.'
tail -n 1 out/a.pdf | grep -q '^%%EOF' || complain "out/a.pdf has no end"
expect 0 'out/a.svg' "$program" plot fields.nc -o out/a.svg
starts_with out/a.svg '<?xml'
tail -n 1 out/a.svg | grep -q '</svg>' || complain "out/a.svg has no end"
says out/a.svg '<title>two fields</title>|sample 0, a = 0.25|sample 1, a = 0.75|time since start t (s)|x (m)|concentration u (kg m-3)|v (K)|0.5'
if command -v xmllint > /dev/null; then xmllint --noout out/a.svg || complain "out/a.svg is no XML"; fi
expect 0 '1 sample' "$program" plot fields.nc -o out/b.svg --sample 1 --field u --title 'mine & <yours>'
says out/b.svg '<title>mine &amp; &lt;yours&gt;</title>|sample 1|concentration u (kg m-3)'
if grep -q -e 'v (K)' -e 'sample 0' out/b.svg; then complain "more than asked for in out/b.svg"; fi
# what pdemoe writes of every sample is no input
make judged -e 's/double a(sample)/double error_estimate(sample)/' -e 's/^ *a:/  error_estimate:/' -e 's/^  a = /  error_estimate = /'
expect 0 '2 samples' "$program" plot judged.nc -o out/judged.svg
if grep -q 'error_estimate' out/judged.svg; then complain "an estimate among the inputs of out/judged.svg"; fi
expect 0 '"command": "plot"|"kind": "fields"|"width": 1600|"samples": 2|"not_finite": 0' "$program" plot fields.nc -o out/b.png --json
cp out/a.svg kept.svg
expect 0 'out/a.svg' "$program" plot fields.nc -o out/a.svg
cmp -s out/a.svg kept.svg || complain "the same data give other bytes"

# other shapes: maps, maps at times, lines, three dimensions of space, x to the right whatever the order
make map -e 's/t = 3 ; x = 4/y = 3 ; x = 4/' -e 's/double t(t)/double y(y)/' -e 's/t:axis = "T"/y:axis = "Y"/' -e 's/^    t:/    y:/' \
    -e 's/sample, t, x/sample, y, x/' -e 's/^  t = /  y = /'
expect 0 '2 samples' "$program" plot map.nc -o out/map.svg --field u
says out/map.svg 'sample 0, a = 0.25|x (m)|time since start y (s)'
make maps -e 's/sample = 2 ; t = 3/t = 2 ; y = 3/' -e 's/u(sample, t, x)/u(t, y, x)/' -e '/^ *double [av]/d' -e '/^ *v:/d' -e '/^  [av] = /d' \
    -e 's/t = 0, 0.5, 2/t = 0, 0.5/'
expect 0 '1 sample' "$program" plot maps.nc -o out/maps.svg
says out/maps.svg 't = 0 s|t = 0.5 s|concentration u (kg m-3)'
make lines -e 's/t = 3 ; //' -e '/^ *double t(t)/,/axis/d' -e 's/sample, t, x/sample, x/' -e '/^  t = /d' -e 's/u = .*/u = 1,2,3,4, 4,3,2,2 ;/' \
    -e 's/v = .*/v = 1,2,_,4, 4,3,NaN,2 ;/'
expect 0 'v of sample 0: 1 of 4|left out|v of sample 1' "$program" plot lines.nc -o out/lines.svg
says out/lines.svg 'x (m)|v (K)'
make space -e 's/sample = 2 ; t = 3 ;/z = 2 ; y = 3 ;/' -e '/^ *double [tav]/d' -e '/^ *[vt]:/d' -e '/^  [tav] = /d' -e 's/u(sample, t, x)/u(x, y, z)/'
expect 0 '1 sample' "$program" plot space.nc -o out/space.svg
says out/space.svg 'z = 1'
make falling -e 's/x = 0, 0.25, 0.5, 1/x = 1, 0.5, 0.25, 0/'
expect 0 '2 samples' "$program" plot falling.nc -o out/falling.svg

# ---- values that are not finite: grey, and counted ----
make nan -e 's/u = 0,1,/u = NaN,_,/'
expect 0 'nan.nc: u of sample 0: 2 of 12 values are missing or not finite; drawn grey' "$program" plot nan.nc -o out/nan.png
expect 0 '"not_finite": 2' "$program" plot nan.nc -o out/nan.png --json --quiet
if grep -q grey said; then complain "--quiet is not"; fi

# ---- what a gate chose ----
# said_times FILE WORD N: so many texts of the picture are that word.
said_times() {
    n=$(sed -n '/<desc>/,/<\/desc>/p' "$1" | grep -cx -e "$2")
    [ "$n" -eq "$3" ] || complain "\"$2\" stands $n times in $1, $3 expected: $(sed -n '/<desc>/,/<\/desc>/p' "$1")"
}
# Four experts, two along each of t and x; in sample 1 the last one is null.
gated() {
    name=$1
    shift
    make "$name" -e 's/^  sample = 2 ;/& expert = 4 ; expert_dimension = 2 ; expert_end = 2 ;/' \
        -e 's/^data:/  int gate_columns(sample, expert) ; int expert_columns(expert) ;\n  double expert_bounds(expert, expert_dimension, expert_end) ;\n    expert_bounds:dimension_names = "t x" ; expert_bounds:period = "0 0" ;\n&/' \
        -e 's/^  a = .*/&\n  gate_columns = 11,12,13,14, 21,22,23,0 ;\n  expert_columns = 30,30,30,30 ;\n  expert_bounds = 0,1, 0,0.5, 0,1, 0.5,1, 1,2, 0,0.5, 1,2, 0.5,1 ;/' "$@"
}
gated routing
expect 0 '"kind": "routing"|"samples": 2' "$program" plot routing.nc --routing -o out/r.svg --json
says out/r.svg 'sample 0, a = 0.25: 41.7 % of the unknowns, 0 of 4 experts null|sample 1, a = 0.75: 55 % of the unknowns, 1 of 4 experts null|share of columns that exist|columns of experts|crossed out: null experts'
for n in 11 12 13 14 21 22 23; do said_times out/r.svg $n 1; done
expect 0 'out/r.png' "$program" plot routing.nc --routing -o out/r.png --sample 1 --field u
expect 0 'out/r1.svg' "$program" plot routing.nc --routing -o out/r1.svg --sample 1 --field u
gated moved -e 's/0,1, 0,0.5, 0,1, 0.5,1,/0,1, 0.5,1, 0,1, 0,0.5,/'
expect 0 'out/r.svg' "$program" plot moved.nc --routing -o out/r.svg --sample 1 --field u
if cmp -s out/r.svg out/r1.svg; then complain "boxes elsewhere give the same picture"; fi
# experts are nothing that plot draws by itself
expect 0 '2 samples' "$program" plot routing.nc -o out/f.svg
if grep -q expert out/f.svg; then complain "experts in out/f.svg"; fi
# a periodic dimension: what goes on at the other side is drawn there, too
gated round -e 's/"0 0"/"0 1"/' -e 's/0,1, 0,0.5, 0,1, 0.5,1, 1,2, 0,0.5, 1,2, 0.5,1/0,1, 0.25,0.75, 0,1, 0.75,1.25, 1,2, 0.25,0.75, 1,2, 0.75,1.25/'
expect 0 '1 sample' "$program" plot round.nc --routing -o out/r.svg --sample 0 --field u
said_times out/r.svg 11 1
said_times out/r.svg 12 2
said_times out/r.svg 14 2
# maps at t = 0, 0.5 and 2: the boxes of the time, in the plane of the map
gated slices -e 's/t = 3 ; x = 4/t = 3 ; y = 1 ; z = 4 ; x = 2/' -e 's/sample, t, x/sample, t, z, y, x/' -e 's/^  x = .*/  x = 0, 1 ;/' \
    -e 's/"t x"/"t z"/' -e '/^ *double v/d' -e '/^ *v:/d' -e '/^  v = /d' -e 's/u = .*/u = 0,1,2,3,4,5,6,7, 0,1,2,3,4,5,6,7, 0,1,2,3,4,5,6,7, 0,1,2,3,4,5,6,7, 0,1,2,3,4,5,6,7, 0,1,2,3,4,5,6,7 ;/' \
    -e 's/0,1, 0,0.5, 0,1, 0.5,1, 1,2, 0,0.5, 1,2, 0.5,1/0,1, 0,1.5, 0,1, 1.5,3, 1,1.5, 0,1.5, 1,1.5, 1.5,3/'
expect 0 '1 sample' "$program" plot slices.nc --routing -o out/r.svg
for n in 11 12; do said_times out/r.svg $n 2; done
for n in 13 14; do said_times out/r.svg $n 0; done
says out/r.svg 'grey: after the first interval'
# one dimension: a line of steps
gated steps -e 's/ t = 3 ;//' -e '/^ *double t(t)/,/axis/d' -e 's/sample, t, x/sample, x/' -e '/^  t = /d' -e 's/u = .*/u = 1,2,3,4, 4,3,2,2 ;/' \
    -e 's/v = .*/v = 1,2,3,4, 4,3,3,2 ;/' -e 's/expert_dimension = 2/expert_dimension = 1/' -e 's/"t x"/"x"/' -e 's/bounds = .*/bounds = 0,0.2, 0.2,0.4, 0.4,0.6, 0.6,1 ;/'
expect 0 '2 samples' "$program" plot steps.nc --routing -o out/r.svg
says out/r.svg 'share of columns that exist|x (m)'
# measured boxes without a gate: all columns, in every sample
gated boxes -e 's/int gate_columns(sample, expert) ; //' -e 's/ gate_columns = [^;]*;//'
expect 0 '2 samples' "$program" plot boxes.nc --routing --field u -o out/r.svg
says out/r.svg 'sample 0, a = 0.25: 4 experts with all columns, no gate|sample 1, a = 0.75: 4 experts with all columns, no gate'
said_times out/r.svg 30 8
# what is refused
refused 4 'fields.nc|gate_columns(sample, expert)|a model with a gate or with measured boxes' "$program" plot fields.nc --routing -o out/no.png
sed 's/expert_bounds/gate_bounds/g' routing.cdl > old.cdl
ncgen -4 -o old.nc old.cdl
refused 4 'old.nc|expert_bounds|predict anew' "$program" plot old.nc --routing -o out/no.png
gated nameless -e 's/"t x"/"t"/'
refused 4 'nameless.nc: expert_bounds: dimension_names "t"|2 names and numbers expected' "$program" plot nameless.nc --routing -o out/no.png
gated few -e 's/^  sample = 2 ;/& some = 1 ;/' -e 's/gate_columns(sample/gate_columns(some/' -e 's/11,12,13,14, 21,22,23,0/11,12,13,14/'
refused 4 'few.nc: gate_columns is of 1 samples, fields are of 2' "$program" plot few.nc --routing -o out/no.png
refused 2 '--routing is of one file' "$program" plot routing.nc routing.nc --routing -o out/no.png
# what predict writes
write_case chosen -e 's/^group: training/group: gate { :groups = 2 ; }\n&/'
write_inputs chosen_inputs -e ''
expect 0 '6 of 6' "$program" train chosen.cdl -o chosen.nc
expect 0 '3 samples' "$program" predict chosen.nc chosen_inputs.nc -o chosen_out.nc
expect 0 '3 samples' "$program" plot chosen_out.nc --routing -o out/r.svg
says out/r.svg '100 % of the unknowns, 0 of 2 experts null'
write_case measured -e 's/:basis = 4/:boxes = "measured" ; &/'
expect 0 'solving for 2 inputs with all coefficients free|6 of 6' "$program" train measured.cdl -o measured.nc
expect 0 '3 samples' "$program" predict measured.nc chosen_inputs.nc -o measured_out.nc
expect 0 '3 samples' "$program" plot measured_out.nc --routing -o out/r.svg
says out/r.svg '2 experts with all columns, no gate'
expect 0 '3 samples' "$program" predict measured.nc chosen_inputs.nc -o measured_out.nc --polish 1e-6
refused 4 'with measured boxes' "$program" plot measured_out.nc --routing -o out/no.png
refused 2 '--routing goes with fields' "$program" plot chosen.nc --routing -o out/no.png

# ---- a comparison ----
make other -e 's/u = 0,1,2,3,/u = 0,1,2,4,/'
expect 0 'relative L2 error' "$program" plot fields.nc other.nc -o out/c.svg --field u
says out/c.svg 'prediction|reference|difference, rel. L2 9.76 %|difference (kg m-3)|t = 2 s|at three times|sample 1'
# one value is off by one, and the squares of the reference add up to 105
expect 0 "\"kind\": \"comparison\"|\"error\": $(awk 'BEGIN { printf "%.6f", sqrt(1/105) }')" "$program" plot fields.nc other.nc -o out/c.png --field u --sample 0 --json
expect 0 '0.0000 %' "$program" plot fields.nc fields.nc -o out/c.png
expect 0 'relative L2 error' "$program" plot lines.nc lines.nc -o out/c.pdf
expect 0 'relative L2 error' "$program" plot maps.nc maps.nc -o out/c.png
# an input is drawn once and is no part of the error: u of sample 0 and 1, as above, and not v
make role -e 's/v:units = "K" ;/v:units = "K" ; v:role = "input" ;/'
expect 0 "\"error\": $(awk 'BEGIN { printf "%.6f", sqrt(1/105)/2 }')" "$program" plot role.nc other.nc -o out/c.svg --json
if grep -q 'of other inputs' said; then complain "the inputs are the same" "$(cat said)"; fi
says out/c.svg 'input|prediction|difference (kg m-3)|v (K)'
if grep -q 'difference of v' out/c.svg; then complain "an input is compared in out/c.svg"; fi
make medium -e 's/v = 1,1/v = 1,2/'
expect 0 'sample 0 is of other inputs: v differs by 25.8 %|medium.nc' "$program" plot role.nc medium.nc -o out/c.svg
# coordinates that only one file has
make finer -e 's/x = 4/x = 5/' -e 's/x = 0, 0.25, 0.5, 1/x = 0, 0.1, 0.25, 0.5, 1/' -e 's/u = .*/u = 0,9,1,2,3, 1,9,2,3,4, 2,9,3,4,5,  5,9,4,3,2, 4,9,3,2,1, 3,9,2,1,0 ;/' \
    -e '/^ *double v/d' -e '/^ *v:/d' -e '/^  v = /d'
expect 0 '0.0000 %' "$program" plot fields.nc finer.nc -o out/c.png
expect 0 'finer.nc: 4 of 5 coordinates x are compared|0.0000 %' "$program" plot finer.nc fields.nc -o out/c.png
make elsewhere -e 's/x = 0, 0.25, 0.5, 1/x = 0.1, 0.3, 0.6, 0.9/'
refused 4 'none of their coordinates x in common|predict on the' "$program" plot fields.nc elsewhere.nc -o out/no.png
make units -e 's/"kg m-3"/"g m-3"/'
refused 4 'u is in kg m-3 in fields.nc|g m-3 in units.nc' "$program" plot fields.nc units.nc -o out/no.png
make inputs -e 's/a = 0.25/a = 0.5/'
expect 0 'sample 0 is of other inputs: a is 0.25|0.5 in inputs.nc' "$program" plot fields.nc inputs.nc -o out/c.png
refused 4 'maps.nc has no samples|--sample' "$program" plot fields.nc maps.nc -o out/no.png --field u
refused 4 'maps.nc: u has a dimension y' "$program" plot fields.nc maps.nc -o out/no.png --field u --sample 0
refused 4 'map.nc: u has no dimension t' "$program" plot fields.nc map.nc -o out/no.png

# ---- a training log ----
cat > run.log.jsonl << 'END'
{"step": 1, "loss": 0.5, "gradient": 2e-1, "rate": 0.002, "failed": 0, "note": "a \"word\": 1"}
{"step": 2, "loss": null, "gradient": 1e-1, "rate": 0.001, "failed": 2}
{"step": 3, "loss": 0.05, "gradient": 1e-2, "rate": 0.0, "failed": 1}
{"step": 4, "lo
END
printf '%s' "$(cat run.log.jsonl)" > going.log.jsonl # the last line is being written
refused 4 'run.log.jsonl:4: not a line of a training log' "$program" plot run.log.jsonl -o out/no.png
expect 0 'loss: 1 of 3 values|pixels' "$program" plot going.log.jsonl -o out/log.svg
says out/log.svg 'training of going|loss|gradient norm|failed solves|3 in all|learning rate|step'
write_case tiny -e ''
expect 0 '6 of 6' "$program" train tiny.cdl -o tiny.nc --threads 1
expect 0 'out/model.png' "$program" plot tiny.nc -o out/model.png
write_inputs some -e ''
expect 0 '' "$program" predict tiny.nc some.nc -o predicted.nc
ncdump -h predicted.nc | grep -q 'u0:role = "input"' || complain "u0 is not marked as an input" "$(ncdump -h predicted.nc)"
refused 2 'a reference goes with fields' "$program" plot tiny.nc fields.nc -o out/no.png
refused 2 '--field goes with fields' "$program" plot going.log.jsonl -o out/no.png --field u
refused 2 '--sample goes with fields' "$program" plot tiny.nc -o out/no.png --sample 0
mv tiny.log.jsonl elsewhere.log.jsonl
refused 5 'tiny.nc is a model|no tiny.log.jsonl beside it' "$program" plot tiny.nc -o out/no.png
: > empty.log.jsonl
refused 4 'no steps' "$program" plot empty.log.jsonl -o out/no.png

# ---- what is refused ----
refused 2 '--output PICTURE is required' "$program" plot fields.nc
refused 2 'out/a.jpg|.png, .svg or .pdf' "$program" plot fields.nc -o out/a.jpg
refused 2 'out/a|.png, .svg or .pdf' "$program" plot fields.nc -o out/a
refused 2 'same file' "$program" plot fields.nc out/a.png -o out/a.png
refused 2 '--sample -1|at least 0' "$program" plot fields.nc -o out/no.png --sample -1
refused 2 '--width 0|at least 1' "$program" plot fields.nc -o out/no.png --width 0
refused 2 'at most 32767' "$program" plot fields.nc -o out/no.png --width 40000
refused 2 '--set changes a case' "$program" plot fields.nc -o out/no.png --set training.steps=1
refused 4 'fields.nc: no field "w"; the fields are: u, v' "$program" plot fields.nc -o out/no.png --field w
refused 4 'fields.nc: no field "a"' "$program" plot fields.nc -o out/no.png --field a
refused 4 'fields.nc: no sample 2; there are 2, 0 to 1' "$program" plot fields.nc -o out/no.png --sample 2
refused 4 'maps.nc: no sample 1|no dimension "sample"' "$program" plot maps.nc -o out/no.png --sample 1
refused 5 'missing.nc: cannot be read: No such file' "$program" plot missing.nc -o out/no.png
refused 5 'missing.nc: cannot be read: No such file' "$program" plot fields.nc missing.nc -o out/no.png
echo 'this is text' > text.nc
refused 5 'text.nc: not a NetCDF file' "$program" plot text.nc -o out/no.png
refused 5 'out: cannot be read: it is a folder' "$program" plot out -o out/no.png
refused 5 'tiny.cdl: a NetCDF file expected; of CDL text' "$program" plot tiny.cdl -o out/no.png
head -c "$(($(wc -c < fields.nc) / 2))" fields.nc > half.nc
refused 5 'half.nc: not a NetCDF file, or truncated or damaged' "$program" plot half.nc -o out/no.png
ncgen -4 -o case.nc tiny.cdl
refused 4 'case.nc: no field to draw' "$program" plot case.nc -o out/no.png
make crooked -e 's/x = 0, 0.25, 0.5, 1/x = 0, 0.5, 0.25, 1/'
refused 4 'crooked.nc: x: 0.25 at index 2 follows 0.5' "$program" plot crooked.nc -o out/no.png
# a coordinate that lives on another dimension: longer, shorter, as long, none
for n in 2000 2 4; do
    make "other$n" -e "s/x = 4 ;/x = 4 ; zz = $n ;/" -e 's/double x(x)/double x(zz)/' -e "s/  x = .*/  x = $(seq -s, "$n") ;/"
    refused 4 "other$n.nc: coordinate x has $n entries on dimension zz; 4 on dimension x expected" "$program" plot "other$n.nc" -o out/no.png
    refused 4 "other$n.nc: coordinate x has $n entries" "$program" plot fields.nc "other$n.nc" -o out/no.png
done
# units in Latin-1, a title cut within a character
sed -e 's/u:units = "[^"]*"/u:units = "\\260C"/' fields.cdl > latin.cdl
cmp -s fields.cdl latin.cdl && complain "fields.cdl has no units to change"
ncgen -4 -o latin.nc latin.cdl
for kind in png svg pdf; do
    expect 0 'out/latin' "$program" plot latin.nc -o out/latin.$kind --title "$(printf 'T \302')"
done
grep -q '?C' out/latin.svg || complain "units in Latin-1 are not in the picture"

# where a prediction has no long name but its name, the reference's counts
sed -e 's/x:units/x:long_name = "x" ; &/' fields.cdl > named.cdl
sed -e 's/x:units/x:long_name = "how far" ; &/' fields.cdl > far.cdl
ncgen -4 -o named.nc named.cdl
ncgen -4 -o far.nc far.cdl
expect 0 'out/named.svg' "$program" plot named.nc far.nc -o out/named.svg
grep -q 'how far' out/named.svg || complain "the long name of the reference is lost"

cat > extreme.cdl << 'CDL'
netcdf extreme { dimensions: y = 2 ; x = 3 ; variables: double y(y), x(x), tiny(y, x), huge(y, x) ;
    data: y = 0, 1 ; x = 0, 1, 2 ; tiny = 0, 1e-310, 2e-310, 3e-310, 4e-310, 5e-310 ;
        huge = -1.7e308, 1.7e308, 0, 1, 2, 3 ; }
CDL
ncgen -4 -o extreme.nc extreme.cdl
expect 0 '1 sample' "$program" plot extreme.nc -o out/extreme.svg
grep -q 'nan\|inf' out/extreme.svg && complain "a scale of denormal or very large values is not finite"
make nowhere -e 's/double x(x)/double x/' -e 's/  x = .*/  x = 1 ;/'
expect 0 '2 samples' "$program" plot nowhere.nc -o out/nowhere.svg # numbers of the points
make samples -e 's/double a(sample)/double a(sample, sample)/' -e 's/  a = .*/  a = 1, 2, 3, 4 ;/'
expect 0 '2 samples' "$program" plot samples.nc -o out/samples.svg
gated long -e 's/^  sample = 2 ;/& experts = 6 ;/' -e 's/expert_columns(expert)/expert_columns(experts)/'
refused 4 'long.nc|expert_columns(expert)' "$program" plot long.nc --routing -o out/no.png
make text -e 's/double x(x)/char x(x)/' -e 's/  x = .*/  x = "abcd" ;/' -e '/x:units/d'
refused 4 'text.nc: x: does not hold numbers' "$program" plot text.nc -o out/no.png
make hollow -e 's/v = 1,1,1,1, 1,1,1,1, 1,1,1,1/v = _,_,_,_, _,_,_,_, _,_,_,_/'
refused 4 'hollow.nc: v has no finite value' "$program" plot hollow.nc -o out/no.png
refused 5 'nowhere/a.png: cannot be written: No such file' "$program" plot fields.nc -o nowhere/a.png
mkdir out/folder.png
refused 5 'out/folder.png: cannot be written: it is a folder' "$program" plot fields.nc -o out/folder.png
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked
    chmod 555 locked
    refused 5 'locked/a.png: cannot be written: Permission denied' "$program" plot fields.nc -o locked/a.png
fi
# a disk that takes no more than a few kB: the old picture stays
small_disk() { (trap '' XFSZ && ulimit -f 4 && exec "$@"); }
cp out/a.png kept.png
refused 5 'out/a.png: cannot be written' small_disk "$program" plot fields.nc -o out/a.png
cmp -s out/a.png kept.png || complain "a full disk has damaged the picture"

exit "$failed"
