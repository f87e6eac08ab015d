#!/bin/sh
# pip makes a wheel of the tree, which holds the package and the library and no more, and works without the tree.
# usage: test_python_wheel.sh ROOT "PYTHON ..."; the last is empty: python3
set -eu

root=$1
python=python3
for python in ${2:-python3}; do break; done
"$python" -c 'import numpy, pip' 2> /dev/null || {
    echo "skipped: $python has no NumPy, or no pip"
    exit 77
}
rm -rf wheel unpacked
"$python" -m pip wheel --no-deps --no-index -w wheel "$root"
mkdir unpacked
"$python" -m zipfile -e wheel/pdemoe-*.whl unpacked
find unpacked -type f | sed 's:.*/pdemoe-[^/]*/:INFO/:; s:^unpacked/::' | sort > files.txt
grep -v -e '^pdemoe/[a-z_]*\.py$' -e '^pdemoe/py.typed$' -e '^pdemoe/lib/libpdemoe\.so\.' -e '^pdemoe/lib/pdemoe/pdemoe_[a-z]*\.so$' \
    -e '^INFO/METADATA$' -e '^INFO/WHEEL$' -e '^INFO/RECORD$' -e '^INFO/LICENSE$' files.txt && {
    echo "lines above: files that a wheel should not have"
    exit 1
}
"$python" -m pip install --no-deps --no-index --target installed wheel/pdemoe-*.whl
unset PDEMOE_LIBRARY
PYTHONPATH=$PWD/installed "$python" - << 'END'
import pdemoe
case = pdemoe.Case()
case.update({"pde:fields": "u", "pde.residuals:u": "dt(u) + u", "pde.initial:u": "1", "domain:dimensions": "t",
             "domain.t:extent": [0, 1], "domain.t:control_points": 12})
assert case.model().n_field == 1
assert "installed" in pdemoe.__file__
print(pdemoe.build_info())
END
