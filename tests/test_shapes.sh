#!/bin/sh
# A shape inside the box, by the program: what check says, missing values in files, references that have them, and what
# is refused.
# usage: test_shapes.sh PROGRAM
set -u

program=$1
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

cat > disc.cdl << 'END'
netcdf disc {
group: pde {
  :fields = "u" ;
  group: residuals { :u = "dt(u) - lap(u) - s*(1 - x^2 - y^2) - 4*(1 + s*t)" ; }
  group: exact { :u = "(1 + s*t)*(1 - x^2 - y^2)" ; }
  group: initial { :u = "1 - x^2 - y^2" ; }
}
group: geometry { :inside = "x^2 + y^2 < 1" ; :rim = "u = 0 on x^2 + y^2 = 1" ; }
group: inputs { group: s { :distribution = "uniform(0, 1)" ; } }
group: domain {
  :dimensions = "t x y" ;
  group: t { :extent = 0., 0.2 ; :control_points = 8 ; }
  group: x { :extent = -1.1, 1.1 ; :control_points = 10 ; }
  group: y { :extent = -1.1, 1.1 ; :control_points = 10 ; }
}
group: experts { :basis = 4 ; }
group: surrogate { :width = 4 ; :layers = 1 ; :hidden = 4 ; :modes = 2 ; }
group: training { :steps = 2 ; :batch = 2 ; }
}
END
cat > inputs.cdl << 'END'
netcdf inputs {
dimensions: sample = 1 ; t = 2 ; x = 5 ; y = 5 ;
variables: double s(sample), t(t), x(x), y(y) ;
data: s = 0.5 ; t = 0.1, 0.2 ; x = -1, -0.5, 0, 0.5, 1 ; y = -1, -0.5, 0, 0.5, 1 ;
}
END
ncgen -4 -o inputs.nc inputs.cdl
sed 's/t = 0.1, 0.2/t = 0.1, 0.5/' inputs.cdl > late.cdl
ncgen -4 -o late.nc late.cdl

expect 0 'inside       x^2 + y^2 < 1|u = 0 + u~*(x^2 + y^2 - 1)|45 of 49 knot spans of space reach inside, 24 are cut' \
    "$program" check disc.cdl
expect 0 'good' "$program" polish disc.cdl inputs.nc -o polished.nc
ncdump -v u polished.nc > dumped
grep -q 'u:_FillValue' dumped || complain 'no _FillValue' "$(cat dumped)"
# Of 25 points of the square 9 lie inside the circle, at two times; those on it do not.
missing=$(sed -n '/^ u =/,/;/p' dumped | tr ',' '\n' | grep -c '_')
[ "$missing" -eq 32 ] || complain "$missing values are missing, 32 expected" "$(cat dumped)"

# A reference may lack what lies outside, and nothing else.
expect 0 'mean relative L2 error 0.0000 %' "$program" eval disc.cdl polished.nc --polish 1e-8
expect 0 'mean relative L2 error 0.0000 %' "$program" eval disc.cdl --polish 1e-8
ncdump polished.nc | sed '/^ u =/,/;/s/_/0/' > full.cdl
ncgen -4 -o full.nc full.cdl
expect 0 'mean relative L2 error 0.0000 %' "$program" eval disc.cdl full.nc --polish 1e-8
ncdump polished.nc | sed '/^ u =/,/;/s/0\.[0-9]*/_/' > less.cdl
ncgen -4 -o less.nc less.cdl
expect 4 'lacks a value at point|inside the shape of the case' "$program" eval disc.cdl less.nc --polish 1e-8

expect 0 '2 of 2 steps' "$program" train disc.cdl -o model.nc
expect 0 'mean relative L2 error' "$program" eval model.nc polished.nc
expect 0 '2 of 2 steps' "$program" train disc.cdl -o slabs.nc --set experts.slabs=2
expect 0 '1 samples, 0 not converged' "$program" predict slabs.nc inputs.nc -o predicted.nc

# Statistics are those of the inside.
ncgen -4 -o several.nc <<END
netcdf several {
dimensions: sample = 3 ; t = 2 ; x = 5 ; y = 5 ;
variables: double s(sample), t(t), x(x), y(y) ;
data: s = 0.25, 0.5, 0.75 ; t = 0.1, 0.2 ; x = -1, -0.5, 0, 0.5, 1 ; y = -1, -0.5, 0, 0.5, 1 ;
}
END
expect 0 '3 samples of the file: 3 used, 0 without an answer' "$program" ensemble disc.cdl several.nc -o statistics.nc \
    --polish 1e-8
for what in mean deviation minimum; do
    missing=$(ncdump -v u_$what statistics.nc | sed -n "/^ u_$what =/,/;/p" | tr ',' '\n' | grep -c ' _')
    [ "$missing" -eq 32 ] || complain "$missing values of u_$what are missing, 32 expected" "$(ncdump -v u_$what statistics.nc)"
done

expect 3 'equations are held against data on domains that are the whole box' "$program" check disc.cdl --against polished.nc
expect 3 'data are fitted on domains that are the whole box' "$program" fit disc.cdl polished.nc --parameters s -o fit.nc
expect 4 'times beyond t = 0.2' "$program" predict model.nc late.nc -o late_out.nc
expect 0 'path: refined polish' "$program" reference disc.cdl inputs.nc -o reference.nc --tol 2e-2
exit $failed
