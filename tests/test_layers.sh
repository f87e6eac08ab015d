#!/bin/sh
# Every #include "..." of the tree obeys the layers (downward only), and every .c file of a layer includes its own header
# first: one of its layer's, from the file's own folder or one above it. From another folder only its one outward header
# is included, "folder/folder.h". Prints each violation as file:line.
# And NetCDF, HDF5 and UDUNITS-2, which are not thread-safe, are called in io/ alone, each call of NetCDF inside IO_CALL or
# IO_NC, which hold the lock, and UDUNITS in units.c.
# usage: test_layers.sh ROOT   checks first, on small trees of its own, that violations are found
set -eu

# Folder: folders it may include, besides itself.
check_tree() {
    cd "$1"
    find backend bench cli comm core domain evidence examples experts fit gate implicit_diff include inputs io kin lines model pde \
        plot predict problem reduction solver surrogate tests train verdict \
        -name '*.[ch]' 2>/dev/null | sort | xargs -r awk '
    BEGIN {
        below["include"]       = " "
        below["core"]          = " pdemoe "
        below["backend"]       = below["core"] "core "
        below["reduction"]     = below["core"] "core backend "
        below["comm"]          = below["core"] "core backend "
        below["io"]            = below["core"] "core comm "
        below["pde"]           = below["core"] "core backend comm io "
        below["domain"]        = below["pde"] "pde "
        below["inputs"]        = below["domain"] "domain "
        below["surrogate"]     = below["domain"] "domain "
        below["experts"]       = below["domain"] "domain "
        below["gate"]          = below["experts"] "experts "
        below["lines"]         = below["domain"] "domain "
        below["solver"]        = below["domain"] "domain surrogate experts "
        below["implicit_diff"] = below["solver"] "solver "
        below["problem"]       = below["solver"] "inputs solver "
        below["verdict"]       = below["problem"] "problem "
        below["model"]         = below["problem"] "reduction gate implicit_diff problem "
        below["train"]         = below["model"] "model "
        below["predict"]       = below["model"] "model verdict "
        below["kin"]           = below["predict"] "predict "
        below["evidence"]      = below["predict"] "lines predict "
        below["fit"]           = below["predict"] "predict "
        below["plot"]          = below["io"] "io "
        below["cli"]           = " pdemoe plot comm "
        below["examples"]      = " pdemoe "
    }
    function complain(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; wrong = 1 }
    FNR == 1 {
        home = folder = FILENAME
        sub(/\/.*/, "", home)
        sub(/\/[^\/]*$/, "", folder)
        first = 1
        statement = ""
    }
    home != "tests" && home != "bench" {
        if (home != "io" && $0 ~ /^#include <(netcdf|udunits2|hdf5|H5)/) complain("includes " $2 ", which is for io/ alone")
        text = $0
        gsub(/"([^"\\]|\\.)*"|\/\*.*\*\//, "", text)
        if (text ~ /^[ \t]*(\/\*| \*|#)/) text = ""
        if (FILENAME != "io/units.c" && text ~ /(^|[^a-z_])(ut|cv)_[a-z_0-9]+\(/) complain("calls UDUNITS outside of io/units.c")
        while (match(text, /[;{}]|(^|[^a-z_0-9])nc_[a-z_0-9]+\(/)) {
            word = substr(text, RSTART, RLENGTH)
            statement = statement substr(text, 1, RSTART - 1 + (word ~ /nc_/ && word !~ /^nc_/))
            if (word !~ /nc_/) statement = ""
            else if (word !~ /nc_strerror/ && statement !~ /IO_CALL\($/ && statement !~ /IO_NC\([^;]*,[ ]*$/)
                complain("calls NetCDF outside of IO_CALL and IO_NC")
            text = substr(text, RSTART + RLENGTH)
        }
        statement = statement text
    }
    /^[ \t]*#[ \t]*include[ \t]/ {
        is_first = first
        first = 0
        own = is_source_of_layer(FILENAME)
        if (match($0, /"[^"]*"/) == 0) {
            if (is_first && own) complain("includes " $2 " first; \"" home "/" home ".h\" expected")
            next
        }
        name = substr($0, RSTART + 1, RLENGTH - 2)
        n = split(name, part, "/")
        if (is_first && own && !is_own_header(name))
            complain("includes \"" name "\" first; \"" home "/" home ".h\" expected")
        if (n == 1) {
            if (name !~ /^build_(info|commit)\.h$/ || home != "core")
                complain("includes \"" name "\"; \"folder/file.h\" expected")
            next
        }
        if (home == "tests" || home == "bench") next
        if (part[1] != home && !(home == "include" && part[1] == "pdemoe") && !index(below[home], " " part[1] " "))
            complain("includes \"" name "\", which is not below " home "/")
        if (part[1] != home && part[1] != "pdemoe" && name != part[1] "/" part[1] ".h")
            complain("includes \"" name "\", the inside of another folder; \"" part[1] "/" part[1] ".h\" expected")
    }
    function is_own_header(name) {
        above = name
        sub(/\/[^\/]*$/, "", above)
        return index(folder "/", above "/") == 1
    }
    # cli/ and examples/ are programs: they start with the public header or their own.
    function is_source_of_layer(file) {
        return file ~ /\.c$/ && home != "tests" && home != "bench" && home != "cli" && home != "examples"
    }
    END { exit wrong }'
}

# One file with the given content in a tree of its own must be refused (or accepted).
expect() {
    verdict=$1 file=$2
    tree=$(mktemp -d)
    mkdir -p "$tree/$(dirname "$file")"
    cat > "$tree/$file"
    if (check_tree "$tree") > "$tree/said"; then found=accepted; else found=refused; fi
    if [ "$found" != "$verdict" ]; then
        echo "$file was $found; $verdict expected:"
        cat "$tree/$file" "$tree/said"
        failed=1
    fi
    rm -rf "$tree"
}

self_test() {
    failed=0
    printf '#include "pde/pde.h"\n#include "io/io.h"\n#include <math.h>\n' | expect accepted pde/parse.c
    printf '#include "pde/pde_impl.h"\n#include <math.h>\n' | expect accepted pde/parse.c
    printf '#include <math.h>\n#include "pde/pde.h"\n' | expect refused pde/parse.c
    printf '#include "core/core.h"\n' | expect refused pde/parse.c
    printf '#include "pde/pde.h"\n#include "domain/domain.h"\n' | expect refused pde/parse.c
    printf '#include "pde/pde.h"\n#include "io/io_impl.h"\n' | expect refused pde/parse.c
    printf '#include "pde/pde.h"\n  # include "pde.h"\n' | expect refused pde/parse.c
    printf '#include "experts/experts.h"\n#include "surrogate/surrogate.h"\n' | expect refused experts/columns.c
    printf '#include "experts/experts.h"\n' | expect refused surrogate/surrogate.h
    printf '#include "gate/gate.h"\n#include "experts/bounds.h"\n' | expect refused gate/record.c
    printf '#include "io/io.h"\n' | expect refused backend/backend.h
    printf '#include "backend/backend.h"\n#include "backend/backend_impl.h"\n' | expect accepted backend/cpu/jtj.c
    printf '#include "backend/cpu/cpu_impl.h"\n' | expect accepted backend/cpu/jtj.c
    printf '#include "backend/cpu/cpu_impl.h"\n' | expect accepted backend/cpu/kernels/avx2.c
    printf '#include "backend/cpu/cpu_impl.h"\n' | expect refused backend/check/check.c
    printf '#include "backend/cpu/cpu_impl.h"\n' | expect refused backend/backend.c
    printf '#include "backend/backend.h"\n' | expect refused io/io.h
    printf '#include "solver/solver.h"\n#include "implicit_diff/implicit_diff.h"\n' | expect refused solver/lm.c
    printf '#include "implicit_diff/implicit_diff.h"\n#include "solver/solver.h"\n' | expect accepted implicit_diff/a.c
    printf '#include "inputs/inputs.h"\n#include "problem/problem.h"\n' | expect refused inputs/draw.c
    printf '#include "gate/gate.h"\n#include "surrogate/surrogate.h"\n' | expect refused gate/gate.c
    printf '#include "problem/problem.h"\n#include "gate/gate.h"\n' | expect refused problem/samples.c
    printf '#include "train/train.h"\n#include "predict/predict.h"\n' | expect refused train/step.c
    printf '#include "predict/predict.h"\n#include "train/train.h"\n' | expect refused predict/run.c
    printf '#include "kin/kin.h"\n#include "predict/predict.h"\n' | expect accepted kin/judge.c
    printf '#include "model/model.h"\n#include "kin/kin.h"\n' | expect refused model/file.c
    printf '#include "cli/cli.h"\n#include "pdemoe/pdemoe.h"\n' | expect accepted cli/main.c
    printf '#include "core/core.h"\n' | expect refused cli/main.c
    printf '#include "plot/page.h"\n#include "io/io.h"\n' | expect accepted plot/map.c
    printf '#include "plot/page.h"\n#include "io/io_impl.h"\n' | expect refused plot/map.c
    printf '#include "plot/page.h"\n#include "cli/cli.h"\n' | expect refused plot/map.c
    printf '#include "cli/cli.h"\n#include "plot/plot.h"\n' | expect accepted cli/plot.c
    printf '#include "cli/cli.h"\n#include "plot/page.h"\n' | expect refused cli/plot.c
    printf '#include "cli/cli.h"\n#include "io/io.h"\n' | expect refused cli/plot.c
    printf '#include "pdemoe/pdemoe.h"\n' | expect accepted include/pdemoe/pdemoe_mpi.h
    printf '#include "core/core.h"\n' | expect refused include/pdemoe/pdemoe.h
    printf '#include "train/train.h"\n#include "io/io_impl.h"\n' | expect accepted tests/test_train.c
    own='#include "io/io.h"\nstatic void f(void)\n{\n'
    printf "$own    int code = nc_close(3);\n" | expect refused io/a.c
    printf "$own    if (ok && nc_close(3)) (void)IO_CALL(nc_close(4));\n" | expect refused io/a.c
    printf "$own    (void)IO_CALL(nc_close(4)), (void)nc_close(4);\n" | expect refused io/a.c
    printf "$own    (void)IO_CALL(nc_close(4));\n    IO_NC(ctx, x->path,\n          nc_close(x->id[1]));\n" | expect accepted io/a.c
    printf "$own    say(\"nc_close(3)\", nc_strerror(code)); /* nc_close(3) */\n" | expect accepted io/a.c
    printf "$own    ut_free(unit);\n" | expect refused io/a.c
    printf "$own    ut_free(unit); input_free(x);\n" | expect accepted io/units.c
    printf '#include "pde/pde.h"\n#include <netcdf.h>\n' | expect refused pde/a.c
    return $failed
}

self_test
check_tree "$1"
