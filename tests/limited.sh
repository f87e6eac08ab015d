#!/bin/sh
# Runs a command, no process of which may use more than so much CPU time, whatever else the machine does.
# usage: limited.sh SECONDS COMMAND...
set -eu
ulimit -t "$1"
shift
exec "$@"
