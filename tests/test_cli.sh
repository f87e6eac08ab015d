#!/bin/sh
# The program from end to end: help, train, predict, eval, check, info, gradcheck, JSON, exit codes; the example.
# usage: test_cli.sh PROGRAM EXAMPLE
set -u

program=$1 example=$2
. "$(dirname "$0")/program.sh"
cases=$(cd "$(dirname "$0")/../cases" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
# fontconfig, behind plot, keeps memory to the end
echo 'leak:libfontconfig' > suppressions
export LSAN_OPTIONS="suppressions=$PWD/suppressions:print_suppressions=0"

# ---- words about itself ----
expect 0 'Usage|train|gradcheck|Exit codes|130' "$program" --help
expect 0 'commit|compiler|NetCDF' "$program" --version
for command in train predict ensemble polish reference eval plot modes check info gradcheck; do
    expect 0 "Usage: pdemoe $command|Options:|--set|--threads|--json|--quiet" "$program" "$command" --help
done
expect 0 'training|learning_rate|samples of all inputs|solver|domain|row_power' "$program" train --help

# ---- command lines that are wrong ----
expect 2 'a command expected' "$program"
expect 2 'no command "trian"|did you mean "train"' "$program" trian
expect 2 'comes first' "$program" --quiet check tiny.cdl
expect 2 'unknown|--jsno|did you mean "json"' "$program" check tiny.cdl --jsno
expect 2 'unknown option -x' "$program" check tiny.cdl -x
expect 2 '--quiet takes no value' "$program" check tiny.cdl --quiet=1
expect 2 '0 file names|CASE expected' "$program" check
expect 2 '3 file names' "$program" predict a b c -o d
expect 2 '--output OUT.nc is required' "$program" predict a b
expect 2 'expected behind it' "$program" train tiny.cdl -o
expect 2 '--threads 0|whole number' "$program" check tiny.cdl --threads 0
expect 2 '--threads many|whole number' "$program" check tiny.cdl --threads many
expect 2 '1 to 1024 expected' "$program" check tiny.cdl --threads 100000
expect 2 '--polish -1|above 0' "$program" predict a b -o c --polish -1
expect 2 'GROUP.NAME=VALUE' "$program" check tiny.cdl --set steps
expect 2 'exclude each other' "$program" train tiny.cdl -o tiny.nc --resume --force

# ---- a case becomes a model ----
write_case tiny -e 's/:distribution/:long_name = "state at the start" ; &/'
write_inputs inputs -e ''
expect 0 'dx( -0.05*dx(u) )|0.3*u*abs(u)|x_max|ms a step|to train |MB for batches of 2, |fit in the ' "$program" check tiny.cdl
expect 0 '0.05*dx(u)|u0: scalar, uniform(0.1, 0.9)' "$program" info tiny.cdl
ncgen -4 -o case.nc tiny.cdl
expect 0 'ms a step' "$program" check case.nc --set training.batch=1
expect 2 'same file' "$program" train tiny.cdl -o tiny.cdl --force
expect 0 'step=6 steps=6|tiny.nc, 6 of 6 steps|last 10 steps|first 10|; all coefficients free: |worth   2 of 2 answers|tiny.log.jsonl|network|data|MB' "$program" train tiny.cdl -o tiny.nc --threads 2
sed -n 's/^time .*step://p' said | tr ',' '\n' | awk '{ sum += $(NF - 1) } END { exit !(sum > 99 && sum < 101) }' ||
    complain "the shares do not add up to 100 %: $(cat said)"
[ "$(wc -l < tiny.log.jsonl)" -eq 6 ] || complain "the log has not six lines: $(cat tiny.log.jsonl)"
expect 2 'exists|--resume|--force' "$program" train tiny.cdl -o tiny.nc
expect 0 'all 6 steps are done' "$program" train tiny.cdl -o tiny.nc --resume
expect 0 'continuing at step 6 of 8|8 of 8 steps' "$program" train tiny.cdl -o tiny.nc --resume --set training.steps=8
expect 0 '6 of 6 steps' "$program" train "$PWD/tiny.cdl" -o tiny.nc --force
expect 0 'does not exist: starting anew' "$program" train tiny.cdl -o other.nc --resume --set training.steps=2
"$program" train tiny.cdl -o quiet.nc --quiet 2> said > /dev/null
grep -q '^warning: train: 2 of 2 answers are doubtful or wrong: this network has' said || complain "six steps are enough?"
grep -v '^warning: train: ' said && complain "--quiet is not"
expect 0 '6 of 6 steps|0.05*dx(u)' "$program" info tiny.nc

# what was understood is printed however the steps end.
"$program" check tiny.cdl --set training.max_iter=1 --set training.tolerance=1e-14 > said 2>&1 || :
grep -q '^equation' said || complain "check says nothing where no solve converges: $(cat said)"
# a jump in a corner is reported, rounding is not: 0.1 + 0.2 is not 0.3
expect 0 'disagree by 0.5 (pde/boundary:x_min)' "$program" check tiny.cdl --set pde.boundary.x_min="u = u0 + 0.5"
expect 0 'ms a step' "$program" check tiny.cdl --set pde.initial.u="u0*(0.1 + 0.2)" --set pde.boundary.x_min="u = u0*0.3"
if grep -q '^corner' said; then complain "rounding is reported as a jump: $(grep '^corner' said)"; fi

# ---- and predicts ----
expect 0 'prediction.nc|3 samples|network' "$program" predict tiny.nc inputs.nc -o prediction.nc --threads 1
ncdump -h prediction.nc | grep -qF 'double u(sample, t, x)' || complain "$(ncdump -h prediction.nc)"
for attribute in 'case = "tiny.cdl"' 'training_steps = 6 ;' 'seed = 1 ;' 'threads = 1 ;'; do
    ncdump -h prediction.nc | grep -qF ":$attribute" || complain "no $attribute: $(ncdump -h prediction.nc)"
done
ncdump -h prediction.nc | grep -qF 'u0:long_name = "state at the start"' || complain "$(ncdump -h prediction.nc)"
# a prediction has its inputs: it is a reference, which agrees with itself
expect 0 '0.0000 %|network' "$program" eval tiny.nc prediction.nc -o again.nc --threads 1
ncdump prediction.nc | sed 1d > first.txt
ncdump again.nc | sed 1d > second.txt
cmp -s first.txt second.txt || complain "eval and predict differ"
expect 2 'same file' "$program" predict tiny.nc inputs.nc -o inputs.nc

# a case without units: those of the file are 1; it is a reference and can be drawn and described all the same
write_case plain -e '/group: units/d'
write_inputs plain_inputs -e '/units/d'
expect 0 '6 of 6 steps' "$program" train plain.cdl -o plain.nc
expect 0 '3 samples' "$program" predict plain.nc plain_inputs.nc -o plain_out.nc
if ncdump -h plain_out.nc | grep units | grep -v '"1"'; then complain "units of a case without: $(ncdump -h plain_out.nc)"; fi
expect 0 '0.0000 %' "$program" eval plain.nc plain_out.nc
if "$program" --version | grep -q 'Cairo [0-9]'; then expect 0 'plain.png' "$program" plot plain_out.nc plain_out.nc -o plain.png; fi

# inputs that training never drew: of a trained model, with one warning
write_inputs outside -e 's/u0 = 0.2, 0.5, 0.8/u0 = 0.1, 0.95, 1.5/'
expect 0 'warning: predict: 2 of 3 samples are outside of what training drew: u0 = 0.95 in sample 1, but uniform(0.1, 0.9)' \
    "$program" predict tiny.nc outside.nc -o outside_out.nc
[ "$(grep -c 'warning.*training drew' said)" -eq 1 ] || complain "not one warning: $(cat said)"
expect 0 '2 of 3 samples are outside' "$program" polish tiny.nc outside.nc -o outside_out.nc
expect 0 '2 of 3 samples are outside' "$program" eval tiny.nc outside_out.nc
for way in "predict tiny.nc inputs.nc -o outside_out.nc" "polish tiny.cdl outside.nc -o outside_out.nc"; do
    # shellcheck disable=SC2086 # words are meant to be split
    expect 0 '' "$program" $way
    if grep -q 'samples are outside' said; then complain "$way: $(cat said)"; fi
done

# inputs that are fields, or the same for all samples, in other units than the case's, on a grid of the file's own
write_case source -e 's/+ uptake"/+ uptake - q"/' -e 's/inputs {/& group: q { :dimensions = "x" ; :units = "s-1" ; }/'
write_inputs source_inputs -e 's/x(x) ;/& double q(x, sample) ; q:units = "min-1" ;/' -e 's/t = 0.25/q = 1,2,3, 4,5,6, 7,8,9, 6,4,2, 5,4,3 ; &/' \
    -e 's/u0(sample) ;/u0 ;/' -e 's/u0 = .*/u0 = 0.4 ;/'
expect 0 '0 not converged' "$program" predict source.cdl source_inputs.nc -o source.nc --polish 1e-8 --set training.data=source_inputs.nc
ncdump -h source.nc | grep -qF 'double q(sample, x)' || complain "$(ncdump -h source.nc)"
ncdump -v q,u0 source.nc | tr -d ' \n' | grep -qF 'u0=0.4,0.4,0.4;' || complain "$(ncdump -v u0 source.nc)"
ncdump -v q source.nc | tr -d ' \n' | grep -qF '0.0333333333333333,0.0833333333333333,0.133333333333333,0.0666666666666667,0.0666666666666667,' || complain "$(ncdump -v q source.nc)"
expect 0 'error 0.0000 %, worst 0.0000 %' "$program" eval source.cdl source.nc --polish 1e-8 --set training.data=source.nc

# ---- exact solutions instead of a file: here u stays what it is ----
expect 4 '/pde/exact' "$program" eval tiny.nc
write_case still -e 's/ + uptake//' -e '/:uptake/d' -e 's/u0 + t\/tau/u0/' -e 's/group: units {/group: exact { :u = "u0" ; } &/'
expect 0 'mean relative L2 error 0.0000 %' "$program" eval still.cdl --polish 1e-10
expect 2 '--output goes with a reference' "$program" eval still.cdl --polish 1e-10 -o no.nc

# ---- ensembles: drawn or of a file, in numbers and in words, with an exit code for what is wrong ----
expect 0 '30 samples drawn: 30 used|at worst|per sample' "$program" ensemble tiny.nc -o spread.nc -n 30
ncdump -h spread.nc | grep -q 'double u_quantile(quantile, ' || complain "$(ncdump -h spread.nc)"
expect 0 'samples of the file: 3 used' "$program" ensemble tiny.nc inputs.nc -o spread.nc --quantiles "0.1, 0.9" --marks 2
ncdump -v quantile spread.nc | grep -q 'quantile = 0.1, 0.9 ;' || complain "$(ncdump -v quantile spread.nc)"
expect 0 '"samples": 5, "used": 5, "unanswered": 0|"effect.mean": ' "$program" ensemble tiny.nc -o spread.nc -n 5 --json
expect 2 'rising numbers from 0 to 1 expected at "0.1"' "$program" ensemble tiny.nc -o no.nc --quantiles "0.5 0.1"
expect 2 'inputs.nc has them already' "$program" ensemble tiny.nc inputs.nc -o no.nc -n 3
expect 2 'is a case|--polish TOL' "$program" ensemble tiny.cdl -o no.nc
test ! -e no.nc || complain "an ensemble that was refused left a file"

# ---- polish: of a model and of a case, in CDL or NetCDF ----
expect 0 '0 not converged' "$program" predict tiny.nc inputs.nc -o polished.nc --polish 1e-10
expect 0 '0 not converged' "$program" predict tiny.cdl inputs.nc -o from_cdl.nc --polish 1e-10
expect 0 '0 not converged' "$program" predict case.nc inputs.nc -o from_case.nc --polish 1e-10 --set training.batch=1
expect 0 'rel. L2' "$program" eval tiny.cdl prediction.nc --polish 1e-10
expect 2 '--set changes a case' "$program" predict tiny.nc inputs.nc -o no.nc --set training.steps=1
expect 2 'is a case|--polish TOL' "$program" predict tiny.cdl inputs.nc -o no.nc
expect 5 'inputs.cdl: a NetCDF file expected|ncgen -4 -o' "$program" predict tiny.nc inputs.cdl -o no.nc
expect 6 'case.nc|not a pdemoe model' "$program" predict case.nc inputs.nc -o no.nc
expect 6 'neither a model nor a case' "$program" info prediction.nc

expect 0 'sample   steps|objective|converged|45 free coefficients' "$program" polish tiny.cdl inputs.nc -o all_free.nc
expect 0 'rel. L2' "$program" eval tiny.cdl all_free.nc --polish 1e-10
expect 0 '3        |equation u: the domain gained|, walls let in|, sources made|, the worst)' "$program" polish tiny.nc -o drawn.nc
ncdump -h drawn.nc | grep -qF 'sample = 4' || complain "not four samples: $(ncdump -h drawn.nc)"
expect 0 'error 0.0000 %' "$program" eval tiny.nc drawn.nc --polish 1e-8
expect 0 '0        ' "$program" polish tiny.cdl -o drawn.nc --samples 1 --tol 1e-4
ncdump -h drawn.nc | grep -qF 'polish_tolerance = 0.0001' || complain "$(ncdump -h drawn.nc)"
write_case alone -e 's/u0/0.3/g' -e '/inputs/d'
expect 0 '0        ' "$program" polish alone.cdl -o alone.nc
ncdump -h alone.nc | grep -qF 'sample = 1' || complain "not one sample: $(ncdump -h alone.nc)"
expect 2 'polish: --samples draws inputs' "$program" polish tiny.cdl inputs.nc -o no.nc --samples 2
expect 2 'same file' "$program" polish tiny.cdl inputs.nc -o inputs.nc
expect 2 '--tol 0|above 0' "$program" polish tiny.cdl -o no.nc --tol 0
expect 4 'no distribution to draw from' "$program" polish source.cdl -o no.nc --set training.data=source_inputs.nc

# ---- estimates: the distance to the polished answer, and the error of that one; a network of few steps is not good ----
expect 11 '3 samples|out of balance:|estimated relative L2 error: mean|0 without|answers are doubtful' "$program" predict tiny.nc inputs.nc -o estimated.nc --estimate
for word in 'double error_estimate(sample)' 'double distance_to_polished(sample)' 'int verdict(sample)' 'coefficients free"' 'estimate_tolerance = 1'; do
    ncdump -h estimated.nc | grep -qF "$word" || complain "no $word: $(ncdump -h estimated.nc)"
done
ncdump -v u prediction.nc | sed '1,/^data:/d' > first.txt
ncdump -v u estimated.nc | sed '1,/^data:/d' > second.txt
cmp -s first.txt second.txt || complain "--estimate changes the prediction"
expect 0 '0 not converged' "$program" predict tiny.nc inputs.nc -o at_tolerance.nc --polish 1e-6
expect 0 'rel. L2|estimate|estimate / error: mean 1.0|over 3 of 3|equation u: the domain gained' \
    "$program" eval tiny.nc at_tolerance.nc -o compared.nc --estimate
sed -n 's/^[0-9][0-9]* *\([0-9.]*\) %  *\([0-9.]*\) %.*/\1 \2/p' said | awk '!($1 > 0 && $2 >= $1 && $2 < 1.05*$1) { bad = 1 } END { exit bad || NR != 3 }' ||
    complain "estimates are not the errors: $(cat said)"
ncdump -v error_estimate estimated.nc | sed '1,/^data:/d' > first.txt
ncdump -v error_estimate compared.nc | sed '1,/^data:/d' > second.txt
cmp -s first.txt second.txt || complain "estimates of eval and predict differ"
expect 0 'there are no two to compare' "$program" eval tiny.nc prediction.nc --estimate
expect 2 '--estimate compares|does not go with --polish' "$program" predict tiny.nc inputs.nc -o no.nc --estimate --polish 1e-6
expect 2 '--estimate compares|does not go with --polish' "$program" eval tiny.cdl prediction.nc --estimate --polish 1e-6
expect 2 'is a case' "$program" predict tiny.cdl inputs.nc -o no.nc --estimate
# several fields: one variable each
write_case pair -e 's/"u" ;/"u v" ;/' -e 's/residuals { /&:v = "dt(v) - dx(D*dx(v)) + k*u" ; /' -e 's/:u = "u0"/& ; :v = "1"/' \
    -e 's/:x_min = "u/:x_min = "v = 1; u/' -e 's/:x_max = "/&flux(v) = 0; /' -e 's/:u = "1"/& ; :v = "1"/'
expect 0 '2 of 2 steps' "$program" train pair.cdl -o pair.nc --set training.steps=2
expect 11 '0 without' "$program" predict pair.nc inputs.nc -o pair_out.nc --estimate
for word in error_estimate_v imbalance_u imbalance_v; do
    ncdump -h pair_out.nc | grep -qF "double $word(sample)" || complain "no $word: $(ncdump -h pair_out.nc)"
done
# a sample that cannot be solved has no estimate, the others have
write_case gap -e 's/k\*u\*abs(u)/& + 1e-9*k*log(u0)/'
write_inputs gap_inputs -e 's/u0 = 0.2/u0 = -0.2/'
expect 0 '2 of 2 steps' "$program" train gap.cdl -o gap.nc --set training.steps=2
expect 10 '1 of 3 samples have no estimate|; 1 without' "$program" predict gap.nc gap_inputs.nc -o gap_out.nc --estimate
ncdump -v error_estimate gap_out.nc | grep -q 'error_estimate = NaN, 0\.' || complain "$(ncdump -v error_estimate gap_out.nc | tail -3)"
# poisson after a few steps: the grid's own error is far smaller
expect 0 '3 of 3 steps' "$program" train "$cases/poisson/poisson.cdl" -o poisson.nc --set experts.prior=polynomial \
    --set experts.basis=12 --set solver.rows=all --set training.steps=3
expect 0 'over 8 of 8' "$program" eval poisson.nc --estimate
sed -n 's/^estimate . error: mean \([0-9.]*\),.*/\1/p' said | awk '!($1 > 0.8 && $1 < 1.25) { bad = 1 } END { exit bad || NR != 1 }' ||
    complain "estimates are not near the errors: $(cat said)"

# ---- references: converged, or what there is within the limits ----
expect 0 'round  control points|path: refined polish|converged: estimated' "$program" reference tiny.cdl inputs.nc -o converged.nc --tol 1e-2 --method polish
for word in 'double error_estimate(sample)' 'method = "refined polish"' 'converged = "yes"' 'tolerance = 0.01' 'u0(sample)'; do
    ncdump -h converged.nc | grep -qF "$word" || complain "no $word: $(ncdump -h converged.nc)"
done
expect 0 'rel. L2' "$program" eval tiny.nc converged.nc
expect 10 'NOT converged|6 x 10|is not converged to 1e-09 within the limits' "$program" reference tiny.cdl -o stopped.nc --tol 1e-9 --samples 1 --max-unknowns 200 --method polish
ncdump -h stopped.nc | grep -qF 'converged = "no"' || complain "$(ncdump -h stopped.nc)"
expect 10 'the next round would take' "$program" reference tiny.cdl -o stopped.nc --tol 1e-9 --max-seconds 1 --max-unknowns 100000 --method polish
expect 2 '45 unknowns already; at most 9' "$program" reference tiny.cdl -o no.nc --max-unknowns 9
expect 2 '"euler"|"auto", "polish" or "lines" expected' "$program" reference tiny.cdl -o no.nc --method euler
if "$program" --version | grep -q 'SUNDIALS 6'; then
    expect 0 'round  nodes|path: method of lines|converged: estimated' "$program" reference tiny.cdl inputs.nc -o lines.nc --tol 1e-4
    for word in 'double error_estimate(sample)' 'method = "method of lines"' ':nodes = "x ' 'time_tolerance = ' \
        'solver_iterations:long_name = "steps in time"' 'converged = "yes"' 'u0(sample)'; do
        ncdump -h lines.nc | grep -qF "$word" || complain "no $word: $(ncdump -h lines.nc)"
    done
    expect 0 'field u: mean relative L2 error 0.0' "$program" eval tiny.cdl lines.nc --polish 1e-8
    expect 2 'the method of lines: the problem is steady' "$program" reference "$cases/poisson/poisson.cdl" -o no.nc --method lines
    expect 0 'not by the method of lines: the problem is steady|path: refined polish' "$program" reference "$cases/poisson/poisson.cdl" -o steady.nc --samples 1 --tol 1e-2
else
    expect 2 'built without SUNDIALS|libsundials-dev' "$program" reference tiny.cdl inputs.nc -o no.nc --method lines
    expect 0 'path: refined polish' "$program" reference tiny.cdl inputs.nc -o auto.nc --tol 1e-2
fi
expect 2 'reference: --samples draws inputs' "$program" reference tiny.cdl inputs.nc -o no.nc --samples 2
expect 2 'same file' "$program" reference tiny.cdl inputs.nc -o inputs.nc

# ---- equations on data: the case itself, then one made wrong ----
sorption() { "$program" check "$cases/diffusion_sorption/diffusion_sorption.cdl" --against "$@"; }
for data in "$cases/diffusion_sorption/reference.nc" "$cases/../../shared/data/diffusion_sorption_truth.nc"; do
    [ -f "$data" ] || continue
    expect 0 'dt( u )|dx( -0.0005*dx(u) )|conditions|nothing found' sorption "$data"
    expect 0 'the data fit better with 0.1 * dx( -0.005*dx(u) )' sorption "$data" --set pde.parameters.D=5e-3
    expect 0 'the data fit better with -1 * dx( 0.0005*dx(u) )|its sign looks wrong' sorption "$data" \
        --set pde.residuals.u='dt(u + sorbed) + dx(D*dx(u))'
    expect 0 'the data fit better with 2 * dt( 1.23393' sorption "$data" --set pde.parameters.rho_s=1440
    expect 0 'x_min      u = 0.9|the data do not meet it' sorption "$data" --set pde.boundary.x_min='u = 0.9'
done
expect 0 'equation u: residual|0.3*u*abs(u)|flux(u) = 0' "$program" check tiny.cdl --against drawn.nc
expect 0 'too coarse|not checked: the data start later' "$program" check tiny.cdl --against prediction.nc

# ---- modes: the case's own layout, coupled, is what eval has; the model stays as it is ----
expect 0 'one for all|coupled|schwarz|independent|% of squares|nothing to compare with' "$program" modes tiny.cdl --experts 1,2
expect 0 '3 samples, trained network, experts along t x x, errors against prediction.nc' "$program" modes tiny.nc prediction.nc --experts 2,3
expect 0 '1x3 ' "$program" modes tiny.cdl --experts 2,3 --set domain.x.prior_experts=2
expect 0 'exact solutions' "$program" modes "$cases/advection1d/advection1d.cdl" --experts 4 --sweeps 2 --set experts.slabs=1
expect 2 '5000 experts|at most one per control point' "$program" modes tiny.cdl --experts 2,5000
for list in 0 1,,2 1,x 2, '' -3; do
    expect 2 'whole numbers from 1' "$program" modes tiny.cdl --experts="$list"
done
expect 2 'did you mean "modes"' "$program" mode tiny.cdl

# ---- what a gate does: use of experts in info, shares in eval; without a gate neither ----
write_case gated -e 's/:experts = 2/:experts = 3/' -e 's/^group: training/group: gate { :groups = 2 ; }\n&/' -e 's/:steps = 6/:steps = 30/'
expect 0 'gate |2 groups of 2' "$program" info gated.cdl
if grep -q '^routing' said; then complain "a case has been used: $(cat said)"; fi
expect 0 '0 of 0 steps' "$program" train gated.cdl -o gated.nc --set training.steps=0
expect 0 'routing      not known' "$program" info gated.nc
expect 0 '30 of 30 steps|gate    |of the unknowns exist' "$program" train gated.cdl -o gated.nc --force
expect 0 'of the unknowns exist|of the experts are null|expert  t |load/mean|0 to 1 ' "$program" info gated.nc
[ "$(sed -n '/^  expert/,$p' said | grep -c '^  *[0-2] ')" -eq 3 ] || complain "not three experts: $(cat said)"
expect 0 'gate: ' "$program" eval gated.nc prediction.nc -o gated_out.nc
ncdump -v gate_columns gated_out.nc | sed -n '/ gate_columns =/,/;/p' | tr -c '0-9\n' ' ' |
    awk '{for (i = 1; i <= NF; i++) {n++; s += $i; z += $i == 0}} END {printf "gate: %.1f %% of the unknowns exist, %.1f %% of the experts are null\n", 100 * s / (4 * n), 100 * z / n}' > counted
grep -qxF "$(cat counted)" said || complain "not $(cat counted): $(cat said)"
expect 0 'error' "$program" eval tiny.nc prediction.nc
if grep -q 'gate' said; then complain "a gate that is not there: $(cat said)"; fi
# measured boxes, without a gate: where they are
expect 0 'solving for 2 inputs with all coefficients free' "$program" train gated.cdl -o boxes.nc --set experts.boxes=measured --set training.steps=0
expect 0 '3 (measured boxes, cuts in x), hard|not known' "$program" info boxes.nc
[ "$(sed -n '/^  expert/,$p' said | grep -c '^  *[0-2]  0 to 1 .* 4$')" -eq 3 ] || complain "not three boxes: $(cat said)"
# many experts: the extremes, by load
write_case many -e 's/:control_points = 10 ; :experts = 2/:control_points = 80 ; :experts = 40/' -e 's/:basis = 4/:basis = 2/' \
    -e 's/^group: training/group: gate { :groups = 2 ; }\n&/'
expect 0 '6 of 6 steps' "$program" train many.cdl -o many.nc
expect 0 '28 experts with loads between' "$program" info many.nc
sed -n '/^  expert/,$p' said | awk '$1 ~ /^[0-9]+$/ {if (NR > 2 && $NF > last) exit 1; last = $NF; n++} END {exit n != 12}' ||
    complain "not six and six experts by falling load: $(cat said)"

# ---- windows that are learned: what modes sees of them is what predict does ----
write_case windows -e 's/:basis = 4 ;/:basis = 4 ; :partition = "learned" ;/' -e 's/:steps = 6/:steps = 30/'
expect 0 'learned partition|windows      40 logits of 20 control points that experts share, of 60' "$program" info windows.cdl
expect 0 '30 of 30 steps' "$program" train windows.cdl -o windows.nc
expect 0 '' "$program" predict windows.nc inputs.nc -o windows_prediction.nc
expect 0 'coupled        0.0000 %' "$program" modes windows.nc windows_prediction.nc --experts 2
expect 0 '' "$program" polish windows.nc inputs.nc -o windows_polished.nc
expect 6 'windows.nc: its windows do not fit: 2 experts learn to share 20 control points, 4 and ' \
    "$program" upcycle windows.nc -o more.nc --set domain.x.experts=4
expect 0 'experts                 2              4' "$program" upcycle windows.nc -o more.nc --set domain.x.experts=4 --set experts.partition=hard --tolerance 9

# ---- experts that answer slab after slab: files and evaluations are those of all of time ----
write_case march -e 's/:control_points = 6/:control_points = 11/' -e 's/:basis = 4 ;/:basis = 4 ; :slabs = 2 ;/' -e 's/:steps = 6/:steps = 30/'
expect 0 'time         2 slabs|march        network and experts answer 2 slabs of 0.5, 4 knot spans (7 control points) each' "$program" check march.cdl
expect 0 '30 of 30 steps' "$program" train march.cdl -o march.nc
expect 0 '' "$program" predict march.nc inputs.nc -o march_prediction.nc
expect 0 'mean relative L2 error 0.0000 %' "$program" eval march.nc march_prediction.nc
expect 0 '' "$program" polish march.nc inputs.nc -o march_polished.nc
expect 0 'time per sample' "$program" eval march.nc march_polished.nc --estimate
expect 6 'modes: its experts answer slab after slab (experts:slabs = 2)' "$program" modes march.nc
expect 6 'another case' "$program" train march.cdl -o march.nc --resume --set experts.slabs=1 --set training.steps=40
expect 3 '/experts:slabs: 6 slabs for 8 knot spans|at most 3' "$program" check march.cdl --set experts.slabs=6
expect 0 'of the unknowns exist' "$program" train march.cdl -o march_gated.nc --set gate.groups=2
expect 0 'march        |of the unknowns exist|0 to 0.5 ' "$program" info march_gated.nc

# ---- gradients ----
expect 0 'slope' "$program" gradcheck tiny.cdl
expect 0 'slope' "$program" gradcheck tiny.nc
expect 0 'slope|gate: slope ' "$program" gradcheck gated.nc
expect 0 'slope|gate: slope ' "$program" gradcheck gated.cdl # of no steps: the gate would not choose yet
expect 0 'slope|windows: slope ' "$program" gradcheck windows.nc

# ---- JSON ----
read_json() {
    if command -v python3 > /dev/null; then
        python3 -c 'import json, sys; o = json.loads(sys.stdin.read()); sys.exit(not all(k in o for k in sys.argv[1:]))' "$@"
    else
        grep -q '^{.*}$'
    fi
}
expect_json() {
    keys=$1
    shift
    "$program" "$@" --json > json.txt 2> said
    code=$?
    case $code in 0 | 11) ;; *) complain "$*: $(cat said)" ;; esac # 11: answers of a network of few steps are not good
    [ "$(wc -l < json.txt)" -eq 1 ] || complain "$*: not one line of JSON: $(cat json.txt)"
    # shellcheck disable=SC2086 # keys are meant to be split
    read_json command file $keys < json.txt || complain "$*: not the JSON expected: $(cat json.txt)"
}
expect_json 'step steps loss first_loss last_loss free_loss seconds seconds.files seconds.adjoint peak_bytes log output' train tiny.cdl -o json.nc
expect_json 'data output samples unconverged outside imbalance seconds.solve' predict tiny.nc inputs.nc -o json_out.nc
expect_json 'data output text samples unconverged iterations objective.worst unknowns tolerance' polish tiny.nc inputs.nc -o json_out.nc
expect_json 'data error text samples' eval tiny.nc prediction.nc
expect_json 'data text samples 1.coupled.error 2.schwarz.seconds 2.independent.interface_squares' modes tiny.nc prediction.nc --experts 1,2
expect_json 'text notes equation.u.residual equation.u.0.factor condition.0.misfit' check tiny.cdl --against drawn.nc
expect_json 'data output text converged rounds unknowns error_estimate error_estimate.2' reference tiny.cdl inputs.nc -o json_out.nc --tol 1e-2
expect_json 'data output estimate estimate.worst estimate.unconverged seconds.estimate' predict tiny.nc inputs.nc -o json_out.nc --estimate
expect_json 'data error text estimate estimate.worst estimate.ratio estimate.spread' eval tiny.nc prediction.nc --estimate
expect_json 'data error' eval tiny.nc prediction.nc
grep -q '"error": 0,' json.txt || complain "error not 0: $(cat json.txt)"
expect_json 'text' check tiny.cdl
expect_json 'kind step n_input n_point text' info tiny.nc
if grep -q routing json.txt; then complain "routing without a gate: $(cat json.txt)"; fi
expect_json 'routing.unknowns routing.null routing.load routing.2.columns routing.1.null routing.0.load routing.2.group.1 routing.2.x.to' info gated.nc
expect_json 'error gate.unknowns gate.null' eval gated.nc prediction.nc
expect_json 'slope text' gradcheck tiny.nc
expect_json 'slope slope.network slope.gate text' gradcheck gated.nc
expect_json 'slope slope.network slope.windows text' gradcheck windows.nc

# ---- a terminal gets one line, rewritten ----
if command -v script > /dev/null && script -qec true /dev/null > /dev/null 2>&1 < /dev/null; then
    script -qec "'$program' train tiny.cdl -o terminal.nc" /dev/null > said < /dev/null
    grep -q 'step 6/6 .* s left' said || complain "no progress on a terminal: $(cat said)"
    if grep -q 'step=6' said; then complain "plain lines on a terminal"; fi
fi

# ---- results that cannot be written ----
if [ -c /dev/full ]; then
    full() { "$@" > /dev/full; }
    expect 5 'standard output|No space left' full "$program" info tiny.nc
    expect 5 'standard output' full "$program" --help
fi

# ---- the example ----
expect 0 'input 0.2, solver|input 0.8, solver|% left over' "$example" tiny.nc 0.2 0.8
expect 1 'missing.nc' "$example" missing.nc 0.2 0.8

exit "$failed"
