#!/bin/sh
# The Python package, by its own tests and the blocks of docs/python.md, on every Python from 3.9 on that has NumPy.
# usage: test_python.sh ROOT LIBRARY "PYTHON ..."; the last is empty: those that PATH and the system have
set -eu

root=$1 pythons=${3:-python3 /usr/bin/python3 python3.9 python3.10 python3.11 python3.12 python3.13}
PDEMOE_LIBRARY=$2
PYTHONPATH=$root/python
PYTHONDONTWRITEBYTECODE=1
MPLBACKEND=Agg
export PDEMOE_LIBRARY PYTHONPATH PYTHONDONTWRITEBYTECODE MPLBACKEND

usable='import sys; assert sys.version_info >= (3, 9); import numpy
print(sys.version.split()[0], "NumPy", numpy.__version__)'
seen=
failed=0
for python in $pythons; do
    version=$("$python" -c "$usable" 2> /dev/null) || continue
    case $seen in *"[$version]"*) continue ;; esac
    seen="$seen[$version]"
    echo "Python $version"
    "$python" -m unittest discover -t "$root/python" -s "$root/python/tests" || failed=1
done
if [ -z "$seen" ]; then
    echo "skipped: no Python from 3.9 on with NumPy among: $pythons (PDM_PYTHONS may name some)"
    exit 77
fi
exit $failed
