#!/bin/sh
# The shape of the tree, from the symbols of the objects: no circle of files reaches over two folders, and no folder but
# backend/cpu has more than an eighth of the lines outside tests. No line of C is wider than 122 columns. Prints circles
# of files, and the sizes of the folders.
# usage: test_structure.sh ROOT BUILD
set -eu
root=$(cd "$1" && pwd) build=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "FILE def|use SYMBOL", FILE as folder/name.c; objects of files that are gone are left out.
symbols() (
    cd "$build"
    find . -path '*/CMakeFiles/pdm_*.dir/*.c.o' | sort | xargs nm -A -P | awk -v root="$root" '
        {
            file = $1
            sub(/^\.\//, "", file)
            sub(/CMakeFiles\/pdm_[a-z_]*\.dir\//, "", file)
            sub(/\.o:$/, "", file)
            if (!(file in there)) {
                there[file] = (getline line < (root "/" file)) >= 0
                close(root "/" file)
            }
            if (!there[file]) next
            if ($3 ~ /^[TDRB]$/) print file, "def", $2
            if ($3 == "U") print file, "use", $2
        }'
)

# Strongly connected components of more than one file (R. Tarjan, SIAM J. Comput. 1, 1972); exit 1 where one has two folders.
circles() {
    awk '
    $2 == "def" { home[$3] = $1 }
    $2 == "use" { uses[++n_use] = $1 " " $3 }
    function folder(file) { sub(/\/[^\/]*$/, "", file); return file }
    function least(a, b) { return a < b ? a : b }
    function visit(v,    i, n, next_, w, size, list, homes, n_home) {
        index_[v] = low[v] = ++count
        stack[++top] = v
        on[v] = 1
        n = split(edges[v], next_, " ")
        for (i = 1; i <= n; i++) {
            w = next_[i]
            if (!(w in index_)) { visit(w); low[v] = least(low[v], low[w]) }
            else if (on[w]) low[v] = least(low[v], index_[w])
        }
        if (low[v] != index_[v]) return
        do {
            w = stack[top--]
            on[w] = 0
            size++
            list = list " " w
            if (!((v, folder(w)) in seen)) { seen[v, folder(w)] = 1; n_home++ }
        } while (w != v)
        if (size == 1) return
        print size " files:" list
        if (n_home > 1) { print "a circle over " n_home " folders"; wrong = 1 }
    }
    END {
        for (i = 1; i <= n_use; i++) {
            split(uses[i], u, " ")
            to = home[u[2]]
            if (to != "" && to != u[1] && !((u[1], to) in known)) {
                known[u[1], to] = 1
                edges[u[1]] = edges[u[1]] " " to
            }
        }
        for (v in edges) if (!(v in index_)) visit(v)
        exit wrong
    }'
}

files() { find . -path ./build -prune -o -path './.*' -prune -o -name generated -prune -o -name CMakeFiles -prune -o -name '*.[ch]' -print; }

sizes() (
    cd "$root"
    files | grep -v '^\./tests/' | xargs wc -l | awk '
        $2 == "total" { next }
        {
            split($2, part, "/")
            folder = part[3] ~ /^(cpu|cuda)$/ ? part[2] "/" part[3] : part[2]
            n[folder] += $1
            all += $1
        }
        END {
            for (f in n) {
                printf "%6d %5.1f %%  %s\n", n[f], 100 * n[f] / all, f
                if (f != "backend/cpu" && n[f] > all / 8) { wrong = 1; print "more than an eighth: " f }
            }
            printf "%6d lines\n", all
            exit wrong
        }'
)

# The formatter breaks code at 120 columns and leaves comments and texts alone.
widths() (
    cd "$root"
    files | xargs awk 'length($0) > 122 { print FILENAME ":" FNR ": " length($0) " columns; 122 at most expected"; wrong = 1 }
        END { exit wrong }'
)

# A circle over two folders has to be found, and one within a folder not to be refused.
self_test() {
    printf 'a/x.c def x\na/x.c use y\nb/y.c def y\nb/y.c use x\n' | circles > /dev/null && { echo "a circle was missed"; exit 1; }
    printf 'a/x.c def x\na/x.c use y\na/y.c def y\na/y.c use x\nb/z.c use x\n' | circles > "$work/own"
    grep -q '^2 files' "$work/own" || { echo "a circle within a folder was missed"; exit 1; }
}

self_test
symbols > "$work/symbols"
[ "$(wc -l < "$work/symbols")" -gt 1000 ] || { echo "no objects below $build"; exit 1; }
status=0
echo "circles of files:"
circles < "$work/symbols" || status=1
echo "lines by folder:"
sizes > "$work/sizes" || status=1
sort -rn "$work/sizes"
widths || status=1
exit $status
