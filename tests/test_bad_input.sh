#!/bin/sh
# Bad input: each gets one message with the place and what was expected, its exit code, and leaves no file behind.
# usage: test_bad_input.sh PROGRAM
set -u

program=$1
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
mkdir out

# refused CODE WORDS COMMAND...: as expect(), with one message, nothing on stdout, and nothing new in the folder.
refused() {
    code=$1 words=$2
    shift 2
    ls -a . out > before
    expect "$code" "$words" "$@"
    [ "$(grep -c '^pdemoe: ' said)" -eq 1 ] || complain "not one message: $*" "$(cat said)"
    ls -a . out > after
    cmp -s before after || complain "files changed: $*" "$(diff before after)"
}

# bad_case WORDS SED_COMMANDS...: a case changed by sed.
bad_case() {
    words=$1
    shift
    write_case bad "$@"
    cmp -s bad.cdl good.cdl && complain "the case is not changed by: $*"
    refused 3 "bad.cdl|$words" "$program" train bad.cdl -o out/m.nc
}

# bad_input WORDS SED_COMMANDS...: an input file changed by sed.
bad_input() {
    words=$1
    shift
    write_inputs bad "$@"
    cmp -s bad.cdl inputs.cdl && complain "the input is not changed by: $*"
    refused 4 "bad.nc|$words" "$program" predict model.nc bad.nc -o out/p.nc
}

touch said before after bad.cdl bad.nc huge.cdl batch.cdl
write_case good -e ''
write_inputs inputs -e ''
expect 0 '6 of 6' "$program" train good.cdl -o model.nc

# ---- more than any machine has: told before it is taken ----
cat > huge.cdl <<'CASE'
netcdf huge {
group: pde { :fields = "u" ;
  group: residuals { :u = "dxx(u) + dyy(u) + dzz(u) + a" ; }
  group: boundary { :x_min = "u = 0" ; :x_max = "u = 0" ; :y_min = "u = 0" ; :y_max = "u = 0" ; :z_min = "u = 0" ; :z_max = "u = 0" ; } }
group: inputs { group: a { :distribution = "uniform(0, 1)" ; } }
group: domain { :dimensions = "x y z" ;
  group: x { :extent = 0., 1. ; :control_points = 1200 ; }
  group: y { :extent = 0., 1. ; :control_points = 1200 ; }
  group: z { :extent = 0., 1. ; :control_points = 1200 ; } }
}
CASE
refused 9 'huge.cdl: /domain|a sample needs about|rows that see 64 coefficients each|GB are free|expected' "$program" check huge.cdl
sed 's/= 1200/= 100/' huge.cdl > batch.cdl
refused 9 'batch.cdl: /training:batch|32 of 4096 samples at a time need|samples at most' "$program" check batch.cdl --set training.batch=4096

# ---- files that are none ----
refused 5 'missing.nc|No such file' "$program" check missing.nc
refused 5 'missing.cdl|No such file' "$program" train missing.cdl -o out/m.nc
echo 'this is text' > text.nc
refused 5 'text.nc|not a NetCDF file' "$program" train text.nc -o out/m.nc
refused 6 'text.nc|not a pdemoe model file' "$program" predict text.nc inputs.nc -o out/p.nc
refused 5 'text.nc|not a NetCDF file' "$program" predict model.nc text.nc -o out/p.nc
ncgen -4 -o case.nc good.cdl
for file in case inputs model; do head -c "$(($(wc -c < $file.nc) / 2))" $file.nc > half_$file.nc; done
refused 5 'half_case.nc|truncated' "$program" train half_case.nc -o out/m.nc
refused 5 'half_inputs.nc|truncated' "$program" predict model.nc half_inputs.nc -o out/p.nc
refused 6 'half_model.nc|truncated' "$program" predict half_model.nc inputs.nc -o out/p.nc
refused 5 'out|folder' "$program" check out

# ---- the text of a case ----
bad_case ':4: |syntax error' -e '4s/;//'
bad_case '/pde|missing' -e 's/group: pde {/group: pdf {/'
bad_case '/domain/x' -e 's/group: x {/group: xx {/'
bad_case '/domain|dimensions' -e '/:dimensions/d'
bad_case '/domain/x:control_poinst|did you mean "control_points"' -e 's/:control_points = 10/:control_points = 10 ; :control_poinst = 10/'
bad_case '/trainign|did you mean "training"' -e 's/group: training/group: trainign/'
bad_case '/input: |unknown group|did you mean "inputs"' -e 's/^group: inputs/group: input/'
bad_case '/training:loss|phisics|physics' -e 's/:steps = 6/:loss = "phisics"/'
bad_case '/training:batch|0|1 to 4096' -e 's/:batch = 2/:batch = 0/'
bad_case '/inputs/u0:distribution|unifrom|uniform(LOW, HIGH)' -e 's/"uniform(0.1/"unifrom(0.1/'
bad_case '/inputs/u0:distribution' -e 's/:distribution = .* ; } }/:units = "1" ; } }/'

for pair in D:pde.parameters.D steps:training.steps parameters.D:pde.parameters control_points:domain.t.control_points; do
    refused 3 "unknown|did you mean \"${pair#*:}\"" "$program" check good.cdl --set "${pair%%:*}=3"
done


# ---- the gate ----
gate() {
    bad_case "$1" -e "s/^group: training/group: gate { $2 } group: training/"
}
bad_case '/experts:basis|200 columns|2 fields|at most 256' -e 's/^group: training/group: gate { :groups = 4 ; } group: training/' \
    -e 's/:basis = 4/:basis = 200/' -e 's/:fields = "u"/:fields = "u v"/' -e 's/+ uptake" ;/+ uptake" ; :v = "dt(v) - dx(D*dx(v))" ;/' \
    -e 's/:u = "u0" ;/:u = "u0" ; :v = "0" ;/' -e 's/flux(u) = 0"/flux(u) = 0; flux(v) = 0"/' -e 's/u0 + t\/tau"/u0 + t\/tau; v = 0"/' \
    -e 's/:u = "1" ;/:u = "1" ; :v = "1" ;/' -e 's/control_points = 10/control_points = 210/'
gate '/gate:groups|4 columns|3 groups|equal size' ':groups = 3 ;'
gate '/gate:shared|4 shared columns of the 4|fewer expected' ':shared = 4 ;'
gate '/gate:unknowns|0.2 of the 4 columns|2 shared ones' ':shared = 2 ; :groups = 2 ; :unknowns = 0.2 ;'
gate '/gate:unknowns|0.2 of 8 unknowns|the 2 that one expert with one group has|0.25 or more' ':groups = 2 ; :unknowns = 0.2 ;'
gate '/gate:top_p|1.5|0.001 to 0.999' ':top_p = 1.5 ;'
gate '/gate:group|did you mean "groups"' ':groups = 2 ; :group = 2 ;'

# ---- the prior ----
bad_case '/experts:partition|soft|hard|smooth|learned' -e 's/:basis = 4 ;/:basis = 4 ; :partition = "soft" ;/'
bad_case '/solver:mode|"independent"|experts:partition|learned|coupled or schwarz' -e 's/:basis = 4 ;/:basis = 4 ; :partition = "learned" ;/' \
    -e 's/^group: training/group: solver { :mode = "independent" ; } group: training/'
bad_case '/experts:learning_rate|-1|0 to 10' -e 's/:basis = 4 ;/:basis = 4 ; :partition = "learned" ; :learning_rate = -1. ;/'
bad_case '/experts:prior|tailor|polynomial|none|taylor' -e 's/:basis = 4 ;/:basis = 4 ; :prior = "tailor" ;/'
bad_case '/experts:prior|"u"|order 2 in time|first order' -e 's/:basis = 4 ;/:basis = 4 ; :prior = "taylor" ;/' \
    -e 's/"dt(u) - /"dt(tau*dt(u)) - /' -e 's/:u = "u0" ;/:u = "u0" ; :u_t = "0" ;/'
bad_case '/experts:prior|dt(v)|polynomial' -e 's/:basis = 4 ;/:basis = 4 ; :prior = "taylor" ;/' \
    -e 's/:fields = "u"/:fields = "u v"/' -e 's/+ uptake" ;/+ uptake" ; :v = "dxx(v) - u" ;/' -e '/units/d' \
    -e 's/:x_min = "/:x_min = "v = 0 ; /' -e 's/:x_max = "/:x_max = "v = 0 ; /'

# ---- expressions: a caret under the place ----
bad_case '/pde/residuals:u|"w"|u|^' -e 's/dt(u) -/dt(w) -/'
bad_case '/pde/residuals:u|"sine"|sin|^' -e 's/+ uptake/+ sine(u)/'
bad_case '/pde/residuals:u|"DD"|D|^' -e 's/dx(D\*dx/dx(DD*dx/'
bad_case '/pde/residuals:u|^' -e 's/dt(u) - dx(D/(dt(u) - dx(D/'
bad_case '/pde/residuals:u|^' -e 's/+ uptake"/+ uptake)"/'
bad_case '/pde/definitions:uptake|^' -e 's/u\*abs(u)"/u*"/'
bad_case '/pde/residuals:u|no dimension "y"|t, x|^' -e 's/dx(D\*dx(u))/dx(D*dy(u))/'
bad_case '/pde/residuals|u' -e 's/residuals { :u/residuals { :v/'
bad_case '/pde/residuals:u|"m"|Hz|^' -e 's/:k = "s-1"/:k = "m"/'
bad_case '/pde/units:D|furlongs_per' -e 's/:D = "m2 s-1"/:D = "furlongs_per"/'

# ---- conditions ----
bad_case '/pde/boundary:x_max|no condition|"u"' -e 's/:x_max = "flux(u) = 0" ;//'
bad_case '/pde/boundary:x_max|two conditions' -e 's/"flux(u) = 0"/"flux(u) = 0; u = 1"/'
bad_case '/pde/boundary|periodic' -e 's/:experts = 2/:experts = 2 ; :kind = "periodic"/'
bad_case '/pde/boundary:y_max' -e 's/:x_max/:y_max/'
bad_case '/pde/boundary:x_max|=' -e 's/"flux(u) = 0"/"flux(u)"/'
bad_case '/pde/initial|u' -e 's/group: initial { :u = "u0" ; }/group: initial { }/'
bad_case '/pde/initial:u_t' -e 's/:u = "u0"/:u = "u0" ; :u_t = "0"/'

# ---- positive fields ----
positive() { bad_case "/pde:positive|$1" -e "s/:fields = \"u\" ;/:fields = \"u\" ; :positive = \"$2\" ;/"; }
positive 'the fields are: u|^' 'w'
positive 'the fields are: u|^' '0.1'
positive 'named twice|^' 'u, u'
positive 'a scale of 0|^' 'u 0'
positive 'above 0|^' 'u -1'
write_case bad -e 's/:fields = "u" ;/:fields = "u" ; :positive = "u" ;/' -e 's/:u = "u0" ;/:u = "u0 - 1" ;/'
refused 7 'bad.cdl|/pde/initial:u|to stay positive|above 0' "$program" train bad.cdl -o out/m.nc

# ---- parts of sides ----
side() { bad_case "/pde/boundary:x_max|$1" -e "s/\"flux(u) = 0\"/\"$2\"/"; }
side 'no condition|"u"|at t = 0.5;' 'flux(u) = 0 where t < 0.5'
side 'no condition|at t = 0.5;' 'flux(u) = 0 where t < 0.5; u = 1 where t > 0.5'
side 'two conditions|at t = 0.5;' 'flux(u) = 0 where t <= 0.5; u = 1 where t >= 0.5'
side 'two conditions|at t = 0.15;' 'flux(u) = 0; u = 1 where t < 0.3'
side 'x is the same all over this side|^' 'flux(u) = 0 where x < 0.5'
side 'a coordinate along this side|: t|^' 'flux(u) = 0 where 0 < 0.5'
side 'a number expected|^' 'flux(u) = 0 where t < t'
side 'unknown name "z"|^' 'flux(u) = 0 where z < 0.5'
side '"<"|">="|^' 'flux(u) = 0 where t = 0.5'
side 'expression is empty|^' 'flux(u) = 0 where'
side 'NUMBER < COORDINATE < NUMBER|^' 'flux(u) = 0 where t < 0.5 < 0.7'
side 'NUMBER < COORDINATE < NUMBER|^' 'flux(u) = 0 where 0.2 < t > 0.1'
side 'and|^' 'flux(u) = 0 where t < 0.5 or t > 0.6'
side 'no t is in this part|^' 'flux(u) = 0 where t < 0.5 and t > 0.6'
side 'no place of this side|0 to 1' 'flux(u) = 0 where t >= 2; u = 1 where t < 2'
side 'too coarse|t' 'flux(u) = 0 where t < 0.01; u = 1 where t >= 0.01'
side 'the coordinate in|same unit|^' 'flux(u) = 0 where t < D; u = 1 where t >= D'

# ---- constraints ----
constraint() { bad_case "$1" -e "s/group: boundary {/group: constraints { :amount = \"$2\" ; } group: boundary {/"; }
constraint '/pde/constraints:amount|integral(expr) = expr|^' 'u = 1'
constraint '/pde/constraints:amount|"=" expected|^' 'integral(u)'
constraint '/pde/constraints:amount|not closed|^' 'integral(u = 1'
constraint '/pde/constraints:amount|unknown name "w"|^' 'integral(w) = 1'
constraint '/pde/constraints:amount|no field|^' 'integral(x) = 0'
constraint '/pde/constraints:amount|varies in x|time, parameters|^' 'integral(u) = x*1'
constraint '/pde/constraints:amount|"u" is a field|^' 'integral(u) = u'
constraint '/pde/constraints:amount|the integral in|same unit|^' 'integral(u) = k'
constraint '/pde/constraints:amount|stand alone|^' 'integral(u) = integral(u)'
bad_case '/pde/residuals:u|/pde/constraints|^' -e 's/+ uptake/+ integral(u)/'

# ---- modes ----
refused 3 '/solver:mode|"sequential"|coupled|schwarz|independent' "$program" check good.cdl --set solver.mode=sequential
refused 3 '/solver:mode|"independent"|/pde/constraints|coupled or schwarz expected' "$program" train good.cdl \
    --set solver.mode=independent --set pde.constraints.amount='integral(u) = 0' -o out/m.nc
refused 3 '/solver:mode|"schwarz"|/gate|coupled expected' "$program" check good.cdl --set solver.mode=schwarz --set gate.top_p=0.5
refused 2 '11 experts|control point' "$program" modes good.cdl --experts 11
refused 5 'missing.nc|No such file' "$program" modes good.cdl missing.nc
refused 2 '--set changes a case' "$program" modes model.nc --set solver.mode=schwarz

# ---- grid ----
bad_case '/domain/t:degree|6 control points|at most 5' -e 's/:control_points = 6/:control_points = 6 ; :degree = 6/'
bad_case '/domain/x:experts|11 experts for 10 control points' -e 's/:experts = 2/:experts = 11/'
bad_case '/domain/x:extent|increasing' -e 's/group: x { :extent = 0., 1./group: x { :extent = 1., 0./'
bad_case '/domain/x:kind|bounded|periodic' -e 's/:experts = 2/:kind = "round"/'
bad_case '/surrogate:modes' -e 's/:modes = 2/:modes = 2, 2, 2/'

# ---- inputs ----
bad_input 'u0|nan at (sample=1)|finite' -e 's/u0 = 0.2, 0.5/u0 = 0.2, NaN/'
bad_input 'u0|missing value|1' -e 's/u0 = 0.2, 0.5/u0 = 0.2, -1/'
bad_input 'no variable "u0"' -e 's/u0/v0/g'
bad_input 'u0|dimensions|sample' -e 's/double u0(sample)/double u0(t)/' -e 's/u0 = 0.2/u0 = 0.1, 0.2/'
bad_input 'x:units|does not convert|m' -e 's/x:units = "m"/x:units = "kg"/'
bad_input 'x = 2|number 4|outside the domain|0 to 1' -e 's/0.75, 1 ;$/0.75, 2 ;/' -e 's/t = 0.25, 0.5, 0.75, 2/t = 0.25, 0.5, 0.75, 1/'
bad_input 'x|increasing' -e 's/x = 0, 0.25/x = 0.25, 0/'
write_inputs plain -e ''
refused 4 'plain.nc|"u"' "$program" eval model.nc plain.nc
write_inputs short -e 's/t = 4/t = 3/' -e 's/t = 0.25, 0.5, 0.75, 1/t = 0.25, 0.5, 1/'

refused 4 'plain.nc|"u"' "$program" check good.cdl --against plain.nc
refused 4 '3 points along t|at least 4' "$program" check good.cdl --against short.nc
refused 5 'missing.nc|No such file' "$program" check good.cdl --against missing.nc
refused 3 '/pde/residuals:u|"w"|^' "$program" check good.cdl --against short.nc --set pde.residuals.u='dt(w)'

# ---- models ----
refused 6 'case.nc|not a pdemoe model file' "$program" predict case.nc inputs.nc -o out/p.nc
refused 6 'model.nc|another case|good.cdl' "$program" train good.cdl -o model.nc --resume --set training.batch=3
refused 6 'model.nc: a pdemoe model, not a case|the case itself expected' "$program" train model.nc -o out/m.nc
nccopy model.nc copied.nc
refused 6 'copied.nc|changed by another program' "$program" info copied.nc
if grep -q 'as a case' said; then complain "a model read as a case: $(cat said)"; fi
refused 6 'copied.nc|changed by another program' "$program" predict copied.nc inputs.nc -o out/p.nc
cp model.nc flipped.nc
middle=$(($(wc -c < model.nc) / 2))
printf '\377\376\375\374' | dd of=flipped.nc bs=1 seek=$middle conv=notrunc 2> /dev/null
cmp -s flipped.nc model.nc && complain "the model has not been changed"
refused 6 'flipped.nc|damaged|hash' "$program" predict flipped.nc inputs.nc -o out/p.nc

# ---- outputs ----
refused 5 'nowhere/p.nc|No such file' "$program" predict model.nc inputs.nc -o nowhere/p.nc
refused 5 'out|folder' "$program" predict model.nc inputs.nc -o out
refused 5 'nowhere/p.nc|No such file' "$program" polish good.cdl -o nowhere/p.nc
refused 5 'nowhere/p.nc|No such file' "$program" reference good.cdl -o nowhere/p.nc
refused 5 'missing.nc|No such file' "$program" reference good.cdl missing.nc -o out/p.nc
refused 6 'model.nc|the case itself expected' "$program" reference model.nc inputs.nc -o out/p.nc
refused 5 'missing.nc|No such file' "$program" polish good.cdl missing.nc -o out/p.nc
refused 5 'nowhere/m|No such file' "$program" train good.cdl -o nowhere/m.nc
# a disk that takes no more than a few kB: SIGXFSZ ignored, so that writing fails
small_disk() { (trap '' XFSZ && ulimit -f 4 && exec "$@"); }
refused 5 'out/p.nc|cannot be written|too large' small_disk "$program" predict model.nc inputs.nc -o out/p.nc
cp model.nc kept.nc
cp model.log.jsonl kept.log.jsonl
refused 5 'kept.nc|cannot be written|too large' small_disk "$program" train case.nc -o kept.nc --resume --set training.steps=8
cmp -s model.nc kept.nc || complain "a full disk has damaged the checkpoint"

# ---- models from models ----
expect 0 '' "$program" train good.cdl -o branch.nc --from model.nc --set training.steps=2
write_case other -e 's/:k = 0.3/:k = 0.4/'
write_case wider -e 's/:width = 8/:width = 6/'
write_case knots -e 's/group: x { :extent = 0., 1. ;/group: x { :extent = 0., 1. ; :grading = "power 1.5" ;/'
for case in other wider knots; do expect 0 '' "$program" train $case.cdl -o $case.nc --set training.steps=0; done
refused 6 'wider.cdl|lift.weight is|x 6 against' "$program" train wider.cdl -o out/m.nc --from model.nc
refused 6 'knots.cdl|/domain/x: knot 1 of' "$program" train knots.cdl -o out/m.nc --from model.nc
refused 2 'good.cdl is a case' "$program" train good.cdl -o out/m.nc --from good.cdl
refused 6 'case.nc|not a pdemoe model' "$program" train good.cdl -o out/m.nc --from case.nc
refused 2 'the same file as the input model.nc' "$program" train good.cdl -o model.nc --from model.nc --force
refused 6 '/pde/parameters:k is 0.3 in model.nc and 0.4 in other.nc' "$program" merge model.nc other.nc -o out/m.nc
refused 6 '/surrogate:width is 8 in model.nc and 6 in wider.nc' "$program" merge model.nc wider.nc -o out/m.nc
refused 6 '/domain/x:grading is not stated in model.nc and power 1.5 in knots.nc' "$program" merge model.nc knots.nc -o out/m.nc
gated='--set gate.groups=2'
for other in 'partition --set experts.partition=smooth' 'boxes --set experts.boxes=measured' 'points --set domain.x.control_points=12' \
    "gate $gated" "finer --set gate.groups=4" "shared --set gate.groups=2 --set gate.shared=2" "wide $gated --set gate.hidden=8"; do
    # shellcheck disable=SC2086
    expect 0 '' "$program" train good.cdl -o "${other%% *}.nc" -q ${other#* } --set training.steps=1
done
refused 6 '/experts:partition is not stated in model.nc and smooth in partition.nc' "$program" merge model.nc partition.nc -o out/m.nc
refused 6 '/experts:boxes is not stated in model.nc and measured in boxes.nc' "$program" merge model.nc boxes.nc -o out/m.nc
refused 6 '/domain/x:control_points is 10 in model.nc and 12 in points.nc' "$program" merge model.nc points.nc -o out/m.nc
refused 6 'model.nc and gate.nc: /gate: no gate against a gate' "$program" merge model.nc gate.nc -o out/m.nc
refused 6 'gate.nc and model.nc: /gate: a gate against none' "$program" merge gate.nc model.nc -o out/m.nc
refused 6 'gate.nc and finer.nc: /gate:groups: 2 against 4' "$program" merge gate.nc finer.nc -o out/m.nc
refused 6 'gate.nc and shared.nc: /gate:shared: 0 against 2' "$program" merge gate.nc shared.nc -o out/m.nc
refused 6 'gate.nc and wide.nc: /gate:hidden: 16 against 8' "$program" merge gate.nc wide.nc -o out/m.nc
refused 6 'gate.nc: its weights do not fit|/gate:groups: 4 against 2' "$program" train good.cdl --from gate.nc -o out/m.nc --set gate.groups=4
refused 3 'model.nc has no gate and the case here has a group /gate|train --from' "$program" upcycle model.nc -o out/m.nc --set domain.x.experts=4 --set gate.groups=2
refused 3 '/gate:groups is 2 in gate.nc and 1 here' "$program" upcycle gate.nc -o out/m.nc --set domain.x.experts=4 --set gate.groups=1
refused 3 '/experts:boxes|the polynomials of 2 experts along x' "$program" upcycle model.nc -o out/m.nc --set domain.x.experts=4 --set experts.boxes=measured
refused 6 'inputs.nc|not a pdemoe model' "$program" merge model.nc inputs.nc -o out/m.nc
refused 5 'missing.nc|No such file' "$program" merge model.nc missing.nc -o out/m.nc
refused 2 'one each expected' "$program" merge model.nc branch.nc -o out/m.nc --weights 1,2,3
refused 2 'numbers separated by commas' "$program" merge model.nc branch.nc -o out/m.nc --weights 1,x
refused 2 'weight 1 is -2; numbers above 0' "$program" merge model.nc branch.nc -o out/m.nc --weights 1,-2
refused 2 'weight 0 is 0;' "$program" merge model.nc branch.nc -o out/m.nc --weights 0,1
refused 2 '1 file name given; A.nc B.nc' "$program" merge model.nc -o out/m.nc
refused 2 'the same file as the input branch.nc' "$program" merge model.nc branch.nc -o branch.nc
refused 2 '--set changes a case' "$program" merge model.nc branch.nc -o out/m.nc --set training.steps=3
refused 3 '1 experts after, 2 before; more expected' "$program" upcycle model.nc -o out/m.nc --set domain.x.experts=1
refused 3 '2 experts after, 2 before' "$program" upcycle model.nc -o out/m.nc
refused 3 '/domain/x:control_points is 10 in model.nc and 12 here' "$program" upcycle model.nc -o out/m.nc --set domain.x.control_points=12
refused 3 '/domain/x:prior_experts|divides the 4 experts' "$program" upcycle model.nc -o out/m.nc --set domain.x.experts=4 --set domain.x.prior_experts=3
refused 2 'the same file' "$program" upcycle model.nc -o model.nc --set domain.x.experts=4
refused 2 '--rank 0: a number above 0' "$program" compress model.nc -o out/m.nc --rank 0
refused 2 'rank 9; above 0 and at most 8' "$program" compress model.nc -o out/m.nc --rank 9
refused 2 'leaves nothing of them' "$program" compress model.nc -o out/m.nc --rank 0.01
refused 2 'energy 2;' "$program" compress model.nc -o out/m.nc --energy 2
refused 2 'exclude each other' "$program" compress model.nc -o out/m.nc --rank 1 --energy 0.9
refused 2 'the same file' "$program" compress model.nc -o model.nc
refused 2 '--groups 0: a number above 0' "$program" compress gate.nc -o out/m.nc --groups 0
refused 2 'groups 1.5, a share of samples; above 0 and at most 1' "$program" compress gate.nc -o out/m.nc --groups 1.5
refused 6 'model.nc has no gate, and so no groups' "$program" compress model.nc -o out/m.nc --groups 0.1
expect 0 '' "$program" train good.cdl -o untrained.nc -q --set gate.groups=2 --set training.steps=0
refused 6 'untrained.nc: how its groups are used is not known' "$program" compress untrained.nc -o out/m.nc --groups 0.1
# one of two groups each, by turns: none is on in all samples of any expert
expect 0 '' "$program" train good.cdl -o closed.nc -q --set gate.groups=4 --set gate.unknowns=0.125 --set gate.learning_rate=0.3 --set training.steps=30
refused 2 'groups 1: all 4 groups are on in less|one has to be left' "$program" compress closed.nc -o out/m.nc --groups 1
refused 3 '/experts:prior_columns|2 numbers for 4 columns' "$program" train good.cdl -o out/m.nc --set experts.prior_columns=0,1
refused 3 '/experts:prior_columns|3; rising whole numbers' "$program" train good.cdl -o out/m.nc --set experts.prior_columns=0,3,3,4
refused 6 '/experts:prior_columns: number 3 is 4 against 3' "$program" train good.cdl --from model.nc -o out/m.nc --set experts.prior_columns=0,1,2,4
refused 2 'the same file as the input inputs.nc' "$program" compress model.nc -o inputs.nc --against inputs.nc
refused 4 'inputs.nc|no variable "u"' "$program" compress model.nc -o out/m.nc --against inputs.nc
refused 6 'case.nc|not a pdemoe model' "$program" compress case.nc -o out/m.nc

# ---- NaN in training: the step, the input and the term; the checkpoint stays ----
write_case nan -e 's/:uptake = "k\*u\*abs(u)"/:uptake = "k*log(u - 5)"/'
touch out/nan.nc out/nan.log.jsonl
refused 7 'step 0|residual' "$program" train nan.cdl -o out/nan.nc --force
expect 0 '0 of 6 steps' "$program" info out/nan.nc

exit "$failed"
