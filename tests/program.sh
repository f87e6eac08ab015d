# What the tests of the program share: a small case, inputs for it, and a way to expect things. Read with "."; the caller
# has set $program and stands in a folder of its own.

failed=0
complain() {
    echo "$*"
    failed=1
}

# expect CODE 'WORD|WORD|...' COMMAND...: the exit code, and every word in what it says (in the file "said").
expect() {
    code=$1 words=$2
    shift 2
    got=0
    "$@" > said 2>&1 || got=$?
    [ "$got" -eq "$code" ] || complain "exit code $got, $code expected: $*" "$(cat said)"
    if grep -q -e 'not given back' -e 'Sanitizer' -e 'runtime error' said; then complain "$*" "$(cat said)"; fi
    old=$IFS
    IFS='|'
    for word in $words; do
        grep -qF -e "$word" said || complain "no \"$word\": $*" "$(cat said)"
    done
    IFS=$old
}

# The case: name, then sed commands that change it.
write_case() {
    name=$1
    shift
    sed "$@" > "$name.cdl" << 'END'
netcdf tiny {
group: pde {
  :fields = "u" ;
  group: parameters { :D = 0.05 ; :k = 0.3 ; :tau = 1. ; }
  group: definitions { :uptake = "k*u*abs(u)" ; }
  group: residuals { :u = "dt(u) - dx(D*dx(u)) + uptake" ; }
  group: initial { :u = "u0" ; }
  group: boundary { :x_min = "u = u0 + t/tau" ; :x_max = "flux(u) = 0" ; }
  group: units { :t = "s" ; :x = "m" ; :u = "1" ; :D = "m2 s-1" ; :k = "s-1" ; :tau = "s" ; }
}
group: inputs { group: u0 { :distribution = "uniform(0.1, 0.9)" ; } }
group: domain {
  :dimensions = "t x" ;
  group: t { :extent = 0., 1. ; :control_points = 6 ; }
  group: x { :extent = 0., 1. ; :control_points = 10 ; :experts = 2 ; }
}
group: experts { :basis = 4 ; }
group: surrogate { :width = 8 ; :layers = 2 ; :hidden = 8 ; :modes = 2 ; }
group: training { :steps = 6 ; :batch = 2 ; :checkpoint_every = 2 ; }
}
END
}

# Inputs and coordinates: name, then sed commands that change them.
write_inputs() {
    name=$1
    shift
    sed "$@" > "$name.cdl" << 'END'
netcdf inputs {
dimensions:
  sample = 3 ; t = 4 ; x = 5 ;
variables:
  double u0(sample) ;
    u0:_FillValue = -1. ;
  double t(t) ;
    t:units = "s" ;
  double x(x) ;
    x:units = "m" ;
data:
  u0 = 0.2, 0.5, 0.8 ;
  t = 0.25, 0.5, 0.75, 1 ;
  x = 0, 0.25, 0.5, 0.75, 1 ;
}
END
    ncgen -4 -o "$name.nc" "$name.cdl"
}
