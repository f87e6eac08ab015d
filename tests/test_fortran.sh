#!/bin/sh
# Module pdemoe_c declares what pdemoe.h does: every function with the same arguments, every status and word with its value,
# every struct that a host fills with the same members. No compiler is needed.
# usage: test_fortran.sh HEADER MODULE
set -eu

header=$1 module=$2

# A line a function: name, what it returns, and each argument. Letters of both sides: l pdm_size, z size_t, i int, w int32_t,
# d double, p pointer to data, f pointer to a function, v nothing.
functions_of_header() {
    awk '
    function letter(type) {
        if (type ~ /\*/) return "p"
        if (type ~ /^pdm_(sink|number|progress|bytes|log_function) /) return "f"
        if (type ~ /^pdm_size /) return "l"
        if (type ~ /^size_t /) return "z"
        if (type ~ /^(int|pdm_status|pdm_log_level) /) return "i"
        if (type ~ /^int32_t /) return "w"
        if (type ~ /^double /) return "d"
        return type ~ /^void / ? "v" : "?"
    }
    /^PDM_API / { open = 1; text = "" }
    open { text = text $0 " " }
    open && /;/ {
        open = 0
        sub(/^PDM_API +/, "", text)
        sub(/\);.*/, "", text)
        gsub(/ +/, " ", text)
        head = text
        sub(/\(.*/, "", head)
        name = head
        sub(/.*[ *]/, "", name)
        line = name " " letter(head)
        sub(/^[^(]*\(/, "", text)
        n = text == "void" ? 0 : split(text, part, /, */)
        for (i = 1; i <= n; i++) line = line " " letter(part[i])
        print line
    }' "$1" | LC_ALL=C sort
}

functions_of_module() {
    sed -n '/^module pdemoe_c$/,/^end module/p' "$1" | awk '
    function letter(type,    value) {
        value = type ~ /, value/
        if (type ~ /c_funptr/) return value ? "f" : "?"
        if (!value) return "p"
        if (type ~ /c_ptr/) return "p"
        if (type ~ /c_int64_t/) return "l"
        if (type ~ /c_size_t/) return "z"
        if (type ~ /c_int32_t/) return "w"
        if (type ~ /c_int\)/) return "i"
        return type ~ /c_double/ ? "d" : "?"
    }
    { sub(/ *!.*/, "") }
    /&$/ { sub(/ *&$/, ""); before = before $0; next }
    { $0 = before $0; before = "" }
    /bind\(C, name=/ {
        head = $0
        name = $0
        sub(/.*name="/, "", name)
        sub(/".*/, "", name)
        returns = head ~ /subroutine/ ? "v" : letter(head ", value")
        sub(/.*(function|subroutine) [a-z0-9_]*\(/, "", head)
        sub(/\).*/, "", head)
        n = split(head, dummy, /, */)
        next
    }
    name != "" && /::/ {
        split($0, side, / *:: */)
        gsub(/\(\*\)/, "", side[2])
        m = split(side[2], word, /, */)
        for (i = 1; i <= m; i++) of[word[i]] = letter(side[1])
    }
    /end (function|subroutine)/ && name != "" {
        line = name " " returns
        for (i = 1; i <= n; i++) line = line " " (dummy[i] in of ? of[dummy[i]] : "?")
        print line
        name = ""
        delete of
    }' | LC_ALL=C sort
}

# NAME value.
values_of_header() {
    sed -n -e 's/^ *X(\(PDM_[A-Z_]*\), \([0-9]*\),.*/\1 \2/p' -e 's/^ *\(PDM_LOG_[A-Z]*\) *= \([0-9]*\).*/\1 \2/p' "$1" | LC_ALL=C sort
}
values_of_module() {
    sed -n '/^module pdemoe_c$/,/^ *type, bind/s/.*parameter :: //p' "$1" | tr ',' '\n' | sed 's/ *= */ /; s/^ *//' | LC_ALL=C sort
}

# STRUCT member ..., in their order.
members_of_header() {
    sed 's,/\*.*\*/,,' "$1" | awk '
    /^typedef struct pdm_[a-z_]* \{/ { name = $3; line = name; next }
    name != "" && /^}/ { print line; name = ""; next }
    name != "" && /;/ {
        text = $0
        sub(/;.*/, "", text)
        if (match(text, /\(\*[a-z_]*\)/)) text = " " substr(text, RSTART + 2, RLENGTH - 3)
        n = split(text, part, /, */)
        for (i = 1; i <= n; i++) { sub(/.*[ *]/, "", part[i]); line = line " " part[i] }
    }' | LC_ALL=C sort
}
members_of_module() {
    awk '
    /type, bind\(C\) ::/ { name = $NF; line = name; next }
    name != "" && /end type/ { print line; name = ""; next }
    name != "" { sub(/.*:: */, ""); gsub(/,/, ""); line = line " " $0 }' "$1" | LC_ALL=C sort
}

failed=0
for what in functions values members; do
    "${what}_of_header" "$header" > "$what.header"
    "${what}_of_module" "$module" > "$what.module"
    diff "$what.header" "$what.module" || { echo "$what: lines with < are those of pdemoe.h, with > of module pdemoe_c"; failed=1; }
    if grep '?' "$what.header" "$what.module"; then failed=1; fi
done
[ "$(wc -l < functions.header)" -gt 60 ] || { echo "only $(wc -l < functions.header) functions found"; failed=1; }
[ "$(wc -l < members.header)" -eq 8 ] || { echo "structs found: $(cat members.header)"; failed=1; }

# A function that is missing, and one with another argument, are found.
sed 's/name="pdm_version"/name="pdm_other"/' "$module" > wrong.F90
functions_of_module wrong.F90 | diff -q functions.header - > /dev/null && { echo "a missing function was not found"; failed=1; }
sed '/function pdm_model_predict(/,/end function/s/c_int64_t), value :: n/c_int), value :: n/' "$module" > wrong.F90
functions_of_module wrong.F90 | diff -q functions.header - > /dev/null && { echo "a wrong argument was not found"; failed=1; }

# The friendly module calls, or hands on, every one of them.
sed '1,/^module pdemoe$/d' "$module" > friendly.F90
cut -d ' ' -f 1 functions.header | grep -v pdm_context_set_ranks | while read -r name; do
    grep -q "$name" friendly.F90 || { echo "module pdemoe does not use $name"; exit 1; }
done || failed=1
exit $failed
