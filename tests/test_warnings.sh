#!/bin/sh
# What a case says against itself: a line of check, a warning of the commands that solve it.
# usage: test_warnings.sh PROGRAM
set -u

program=$1
. "$(dirname "$0")/program.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

cat > amount.cdl << 'END'
netcdf amount {
group: pde {
  :fields = "u" ;
  group: residuals { :u = "dt(u) - dx(0.1*dx(u))" ; }
  group: initial { :u = "1 + cos(pi*x)" ; }
  group: boundary { :x_min = "flux(u) = 0" ; :x_max = "flux(u) = 0" ; }
  group: constraints { :amount = "integral(u) = 2" ; }
}
group: domain {
  :dimensions = "t x" ;
  group: t { :extent = 0., 1. ; :control_points = 6 ; }
  group: x { :extent = 0., 1. ; :control_points = 8 ; }
}
group: experts { :basis = 4 ; }
group: surrogate { :width = 4 ; :layers = 1 ; :hidden = 4 ; }
group: training { :steps = 2 ; :batch = 1 ; }
}
END
off='the integral of u is 1 at the start, and 2 is demanded: off by 50 %'
expect 0 "integral     amount: $off" "$program" check amount.cdl
expect 11 "warning: polish: integral: amount: $off|the worst is wrong" "$program" polish amount.cdl -o out.nc
"$program" train amount.cdl -o model.nc > said 2>&1
grep -q "warning: train: integral: amount: $off" said || complain "train does not warn" "$(cat said)"
"$program" reference amount.cdl -o out.nc --tol 0.5 > said 2>&1
grep -q "warning: reference: integral: amount: $off" said || complain "reference does not warn" "$(cat said)"
expect 0 ' good ' "$program" polish amount.cdl -o out.nc --set "pde.constraints.amount=integral(u) = 1"
if grep -q '^warning' said; then complain "a warning of what agrees" "$(cat said)"; fi

# A file with both ends of a periodic dimension: they are one place.
cat > ring.cdl << 'END'
netcdf ring {
group: pde {
  :fields = "u" ;
  group: residuals { :u = "dt(u) - dx(0.1*dx(u))" ; }
  group: initial { :u = "u0" ; }
}
group: inputs { group: u0 { :dimensions = "x" ; :distribution = "gaussian_field(0.3)" ; } }
group: domain {
  :dimensions = "t x" ;
  group: t { :extent = 0., 0.1 ; :control_points = 5 ; }
  group: x { :extent = 0., 1. ; :control_points = 8 ; :kind = "periodic" ; }
}
}
END
# ends LAST: u0 = 1 2 3 2 1.5 LAST on 0, 0.2 ... 1
ends() {
    echo "netcdf in { dimensions: x = 6 ; variables: double x(x), u0(x) ;
        data: x = 0, 0.2, 0.4, 0.6, 0.8, 1 ; u0 = 1, 2, 3, 2, 1.5, $1 ; }" > in.cdl
    ncgen -4 -o in.nc in.cdl
}
ends 1.75
expect 0 'in.nc: input "u0" jumps by 0.75 from one end of x, which is periodic|the value at 1 is left out' \
    "$program" polish ring.cdl in.nc -o out.nc
ends 1
expect 0 '' "$program" polish ring.cdl in.nc -o out.nc
if grep -q 'seam' said; then complain "a warning of ends that agree" "$(cat said)"; fi

exit "$failed"
