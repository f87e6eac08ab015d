#!/bin/sh
# Installs what is missing, builds with assertions, runs the tests. Arguments go to ctest: ./test.sh -R '^train$'
# The last line is "N passed, N failed".
set -eu

cd "$(dirname "$0")"
build=build/test
results=$build/results.xml

# A tree that does not build is one failure.
stop() {
    echo "0 passed, 1 failed"
    exit 1
}

sh cmake/install-dependencies.sh tests || stop
cmake --preset test || stop
cmake --build --preset test --parallel "$(getconf _NPROCESSORS_ONLN)" || stop
rm -f "$results"
status=0
ctest --preset test --output-junit "$PWD/$results" "$@" || status=$?
[ -f "$results" ] || stop

count() { sed -n "/<testsuite /,/>/s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$results" | head -n 1; }
failed=$(count failures)
skipped=$(count skipped)
disabled=$(count disabled)
passed=$(($(count tests) - failed - skipped - disabled))
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
exit $status
