# shellcheck shell=sh disable=SC2154
# To be sourced: where the files of a case are, below $root. fail MESSAGE is the caller's.

# A case by its name, in a folder of its own or in another's.
case_file() {
    for file in "$root/cases/$1/$1.cdl" "$root/cases/"*"/$1.cdl"; do
        if [ -f "$file" ]; then
            echo "$file"
            return
        fi
    done
    fail "no case $1"
}

# "exact", which is none; or FILE|FILE: of shared/data if it is there, or beside the cases.
reference_file() {
    [ "$1" = exact ] && return
    for file in "$root/../shared/data/${1%%|*}" "$root/cases/${1##*|}"; do
        if [ -f "$file" ]; then
            echo "$file"
            return
        fi
    done
    fail "no reference $1"
}
