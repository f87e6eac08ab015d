#!/bin/sh
# What is in the files that predict, polish and reference write: what the CF conventions want of every variable, and that no
# case may have the names that the program itself gives.
# usage: test_outputs.sh PROGRAM
set -u

program=$1
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

# follows_cf FILE: of every variable units and long_name (the bounds of experts have units of several kinds), flags with as many
# words as values and none of them twice, no attribute that makes a place a longitude or a time a date; a title and a version
# of the conventions; samples with their numbers.
follows_cf() {
    ncdump -h "$1.nc" > header
    awk '
    /^variables:/ { inside = 1; next }
    /^\/\/ global/ { inside = 0 }
    inside && $1 ~ /^(double|int|float)$/ { name = $2; sub(/\(.*/, "", name); sub(/;/, "", name); seen[name] = 1; next }
    inside && $1 ~ /:/ {
        split($1, part, ":")
        has[part[1] ":" part[2]] = 1
        if (part[2] ~ /^(axis|positive|standard_name|dimensions|bounds)$/) print name " has " part[2]
        if (part[2] == "units") print "unit " $0 > "units"
        if (part[2] == "flag_values") n_value[part[1]] = gsub(/,/, "") + 1
        if (part[2] == "flag_meanings") {
            text = $0
            sub(/.*= "/, "", text)
            sub(/".*/, "", text)
            n_word[part[1]] = split(text, word, " ")
            if (text ~ /[^A-Za-z0-9_. -]/) print part[1] ": flag_meanings " text
        }
    }
    /:Conventions = "CF-1\.8"/ { conventions = 1 }
    /:title = "..*"/ { title = 1 }
    END {
        for (v in seen) {
            if (!has[v ":units"] && v != "expert_bounds") print v " has no units"
            if (!has[v ":long_name"]) print v " has no long_name"
            if (n_value[v] != n_word[v]) print v ": " n_value[v] " flags, " n_word[v] " meanings"
        }
        if (!seen["sample"]) print "samples have no numbers"
        if (n_word["solver_reason"] != 7) print "solver_reason has no meanings"
        if (!conventions) print "no conventions"
        if (!title) print "no title"
    }' header > wrong
    [ ! -s wrong ] || complain "$1:" "$(cat wrong)" "$(cat header)"
}

# says FILE 'TEXT|TEXT...': lines of its header.
says() {
    file=$1
    old=$IFS
    IFS='|'
    for text in $2; do
        ncdump -h "$file.nc" | grep -qF -e "$text" || complain "$file: no $text" "$(ncdump -h "$file.nc")"
    done
    IFS=$old
}

# no_names FILE: what is in it beside t, x, u and u0 cannot be called so in a case.
no_names() {
    ncdump -h "$1.nc" | awk '/^\t[a-z_]+ = / { print $1 } $1 ~ /^(double|int)$/ { sub(/\(.*/, "", $2); print $2 }' | sort -u > names
    [ -s names ] || complain "$1: no names"
    for own in $(grep -vx -e t -e x -e u -e u0 names); do
        write_case named -e "s/:fields = \"u\"/:fields = \"$own\"/"
        expect 3 "\"$own\" is a name of pdemoe's own outputs" "$program" check named.cdl
    done
}

write_inputs in -e ''
write_case units -e 's/^group: inputs/  :title = "a tiny case" ;\n&/' -e 's/:distribution/:units = "1" ; :long_name = "first state" ; &/'
expect 0 '' "$program" train units.cdl -o units.nc --set gate.groups=2
expect 11 'answers are doubtful' "$program" predict units.nc in.nc -o prediction.nc --estimate
follows_cf prediction
no_names prediction
says prediction 'imbalance:units = "1"|imbalance:long_name = "what the domain gained less|:title = "a tiny case"|:case = "units.cdl"|:parameter_D = 0.05|t:units = "s"|x:units = "m"|u0:long_name = "first state"|int sample(sample)|solver_reason:flag_values = 0, 1, 2, 3, 4, 5, 6|:flag_meanings = "not_solved converged'
ncdump -v sample prediction.nc | grep -q 'sample = 0, 1, 2' || complain "numbers of samples" "$(ncdump -v sample prediction.nc)"

# without units, as many as one; a parameter that is an expression stays one
write_case plain -e '/group: units/d' -e 's/:k = 0.3 ;/:k = "6*D" ;/'
write_inputs plain_in -e '/:units/d'
expect 0 '' "$program" train plain.cdl -o plain.nc
expect 0 '' "$program" predict plain.nc plain_in.nc -o plain_out.nc
follows_cf plain_out
says plain_out ':title = "plain"|:parameter_k = "6*D"|t:units = "1"|t:long_name = "t"|u:units = "1"|u:long_name = "u"'
expect 0 '' "$program" eval plain.nc plain_out.nc
expect 0 '' "$program" polish units.cdl in.nc -o polished.nc
follows_cf polished
expect 0 '' "$program" reference plain.cdl plain_in.nc -o reference.nc --tol 1e-2 --method polish
follows_cf reference
no_names reference

# a field in single precision whose grid ends beside the extent
write_inputs single -e 's/double x(x)/float x(x)/' -e 's/  x = .*/  x = 0, 0.25, 0.5, 0.75, 1.0000001 ;/'
expect 0 '3 samples' "$program" predict units.nc single.nc -o single_out.nc
ncdump -v x single_out.nc | grep -q 'x = 0, 0.25, 0.5, 0.75, 1 ;' || complain "x" "$(ncdump -v x single_out.nc)"
write_inputs beyond -e 's/  x = .*/  x = 0, 0.25, 0.5, 0.75, 1.000001 ;/'
expect 4 'coordinate x = 1.000001' "$program" predict units.nc beyond.nc -o beyond_out.nc
write_inputs elsewhere -e 's/x = 5 ;/x = 5 ; zz = 7 ;/' -e 's/double x(x)/double x(zz)/' -e 's/  x = .*/  x = 0, 0.1, 0.2, 0.3, 0.4, 0.5, 1 ;/'
expect 4 'elsewhere.nc: coordinate x has 7 entries on dimension zz; 5 on dimension x expected' "$program" predict units.nc elsewhere.nc -o elsewhere_out.nc

# what is lost of what should be kept: told, in the file, and in the fields themselves; nothing where equations do not say
cat > lossy.cdl << 'END'
netcdf lossy {
group: pde {
  :fields = "u" ;
  group: residuals { :u = "dt(u) - dxx(u^3 - u - 0.01*dxx(u))" ; }
  group: initial { :u = "0.2 + 0.3*cos(pi*x) - 0.2*cos(2*pi*x)" ; }
  group: boundary { :x_min = "flux(u) = 0; dx(u) = 0" ; :x_max = "flux(u) = 0; dx(u) = 0" ; } }
group: domain {
  :dimensions = "t x" ;
  group: t { :extent = 0., 1. ; :control_points = 24 ; }
  group: x { :extent = 0., 1. ; :control_points = 20 ; :degree = 4 ; } }
}
END
expect 11 'equation u: the domain gained -0.03|walls let in 0: 5|% lost|equation u is not conserved in 1 of 1 answers' "$program" polish lossy.cdl -o lossy.nc
follows_cf lossy
ncdump -v u,imbalance lossy.nc | awk '
/^\tt = / { n_t = $3 }
/^\tx = / { n_x = $3 }
/^data:/ { inside = 1 }
inside && $1 == "imbalance" { told = $3 }
inside && $1 == "u" { reading = 1; sub(/.*=/, "") }
reading { n = split($0, part, /[ ,;]+/); for (i = 1; i <= n; i++) if (part[i] != "") u[k++] = part[i] + 0 }
reading && /;/ { reading = 0 }
END {
    for (i = 0; i < n_t; i++) { # by the trapezium rule
        sum = size = 0
        for (j = 0; j < n_x; j++) {
            v = u[i*n_x + j]*(j == 0 || j == n_x - 1 ? 0.5 : 1)/(n_x - 1)
            sum += v
            size += v < 0 ? -v : v
        }
        if (i == 0) first = sum
        if (size > most) most = size
    }
    found = (sum - first)/most
    if (!(k == n_t*n_x && found < -0.03 && told > 1.01*found && told < 0.99*found)) print "told " told ", found " found " in " k " numbers"
    exit
}' > wrong
[ ! -s wrong ] || complain "imbalance: $(cat wrong)"
sed -e 's/dt(u) - dxx(.*" ;/dt(u) + u*dx(u) - dxx(u)" ;/' -e 's/flux(u) = 0; //g' lossy.cdl > silent.cdl
expect 0 'good' "$program" polish silent.cdl -o silent.nc
! grep -q -e 'gained' said || complain "$(cat said)"
! ncdump -h silent.nc | grep -q imbalance || complain "imbalance of what is not in divergence form"

exit "$failed"
