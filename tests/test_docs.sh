#!/bin/sh
# What the documents say holds: links lead somewhere, the tables of settings are those of the sources, the man page has
# what --help has, and commands and programs marked in README.md, docs/tutorial.md, docs/case-format.md and docs/fit.md
# run, with a few training steps only.
# Marks stand on the line before a fenced block:
#   <!-- file: NAME -->     the block is that file
#   <!-- run -->            runs, must succeed        <!-- run: fails -->  must fail, with a caret in its message
#   <!-- run: judged -->    runs, and may end with exit code 11: answers of a few steps are not good
# usage: test_docs.sh ROOT BUILD_FOLDER C_COMPILER ["C flags of the build"]
set -eu

root=$1 build=$2 bin=$2/bin cc=$3 flags=${4-}
scratch=$PWD
failed=0
complain() {
    echo "$*"
    failed=1
}

# ---- links between the pages ----
check_links() {
    for page in "$root"/README.md "$root"/docs/*.md "$root"/docs/choices/*.md "$root"/cases/README.md "$root"/cases/*/README.md; do
        for link in $(grep -o '](\([^):]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//'); do
            [ -e "$(dirname "$page")/$link" ] || complain "$page: link to $link, which does not exist"
        done
    done
}

# ---- tables of settings: name, default, low, high as in the sources; a choice by its default word ----
check_settings() {
    cat "$root"/domain/*.c "$root"/experts/*.c "$root"/solver/*.c "$root"/surrogate/*.c "$root"/gate/*.c "$root"/problem/*.c |
        sed -n 's/^ *X(\([a-z_]*\), PDM_SETTING_\([A-Z]*\), \([^,]*\), \([^,]*\), \([^,]*\), \("[^"]*"\)\{0,1\}.*/\1 \2 \3 \4 \5 \6/p' \
            > settings.txt
    [ "$(wc -l < settings.txt)" -gt 20 ] || complain "only $(wc -l < settings.txt) settings were found in the sources"
    while read -r name type value low high choices; do
        row="| \`$name\` | $(echo "$type" | tr '[:upper:]' '[:lower:]') | $value | $low | $high |"
        if [ "$type" = CHOICE ]; then
            value=$(echo "$choices" | tr -d '"' | cut -d '|' -f $((value + 1)))
            row="| $value | | |"
            grep -F "| \`$name\` |" "$root/docs/case-format.md" | grep -qF "$row" || complain "docs/case-format.md lacks $name with $row"
        else
            grep -qF "$row" "$root/docs/case-format.md" || complain "docs/case-format.md lacks $row"
        fi
    done < settings.txt
}

# ---- the man page: commands, options and exit codes are those of --help, no more and no less ----
options_in() {
    grep -o -e '--[a-z][a-z]*' "$1" | sort -u
}
check_man_page() {
    sed 's/\\-/-/g' "$root/docs/pdemoe.1" > page.txt
    "$bin/pdemoe" --help > help.txt
    cp help.txt helps.txt
    commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' help.txt)
    [ "$(echo "$commands" | wc -w)" -ge 6 ] || complain "commands found in --help: $commands"
    for command in $commands; do
        grep -qx -e "\.B $command" page.txt || complain "docs/pdemoe.1 lacks the command $command"
        "$bin/pdemoe" "$command" --help >> helps.txt
    done
    options_in page.txt > of-page.txt
    options_in helps.txt > of-help.txt
    diff of-help.txt of-page.txt || complain "the options of docs/pdemoe.1 (>) are not those of --help (<)"
    for letter in $(sed -n 's/^  \(-[A-Za-z]\), --.*/\1/p' helps.txt | sort -u); do
        grep -q -e "$letter\", \"" -e " $letter " page.txt || complain "docs/pdemoe.1 lacks $letter"
    done
    sed -n '/^Exit codes:/,$s/^  *\([0-9][0-9]*\)  /\1 /p' help.txt > of-help.txt
    [ "$(wc -l < of-help.txt)" -gt 9 ] || complain "exit codes found in --help: $(cat of-help.txt)"
    sed -n '/^\.SH EXIT STATUS/,/^\.SH ENVIRONMENT/p' page.txt | grep -v -e '^\.TP' -e '^\.SH' | sed 's/^\.B //' | paste -d ' ' - - > of-page.txt
    diff of-help.txt of-page.txt || complain "the exit codes of docs/pdemoe.1 (>) are not those of --help (<)"
}

# ---- marked blocks ----
extract() {
    awk -v folder="$2" '
    function marked_target() {
        if (mark ~ /^<!-- file: /) return folder "/" substr(mark, 12, length(mark) - 15)
        kind = mark ~ /: fails/ ? "fails" : mark ~ /: judged/ ? "judged" : "ok"
        return sprintf("%s/run%02d.%s", folder, ++n, kind)
    }
    /^<!-- (file: .*|run.*) -->$/ { mark = $0; next }
    /^```/ {
        if (open) { close(target); open = 0; mark = "" }
        else if (mark != "") { target = marked_target(); open = 1 }
        next
    }
    open { print > target }' "$1"
}

# Stands in for the program: a training run that does not say how many steps makes three; and for the compiler: with the
# flags of the build, as what it links may want them.
make_stand_ins() {
    mkdir -p stand-in
    cat > stand-in/pdemoe <<END_OF_SCRIPT
#!/bin/sh
case " \$* " in
" train "*training.steps=*) exec "$bin/pdemoe" "\$@" ;;
" train "*) exec "$bin/pdemoe" "\$@" --set training.steps=3 ;;
*) exec "$bin/pdemoe" "\$@" ;;
esac
END_OF_SCRIPT
    cat > stand-in/cc <<END_OF_SCRIPT
#!/bin/sh
exec $cc $flags -std=c11 -Wall -Wextra -Werror "\$@"
END_OF_SCRIPT
    chmod +x stand-in/pdemoe stand-in/cc
}

run_block() {
    block=$1 kind=${1##*.}
    code=0
    HOME=$PWD sh -eu "$block" > said 2>&1 || code=$?
    case $kind.$code in *.0 | judged.11) ended=ok ;; *) ended=fails ;; esac
    if [ "$kind" = fails ]; then
        [ "$ended" = fails ] || complain "should have failed: $(cat "$block")"
        grep -q '^ *\^' said || complain "no caret in the message: $(cat said)"
    elif [ "$ended" = fails ]; then
        complain "failed: $(cat "$block") $(cat said)"
    fi
}

# Blocks of one page in a folder of its own, which is HOME too; build/release is there as far as it is installed.
run_page() {
    folder=$scratch/$(basename "$1" .md)
    rm -rf "$folder"
    mkdir -p "$folder"
    extract "$1" "$folder"
    cd "$folder"
    ln -s "$root/cases" cases
    mkdir -p build/release
    ln -s "$build/cmake_install.cmake" build/release
    for block in run*; do
        [ -e "$block" ] && run_block "./$block"
    done
    cd "$scratch"
}

# The program of README.md, which its commands have made and run: it starts, and has a solution.
run_program() {
    cd "$scratch/README"
    ./embed 2>&1 | grep -q '^solver: [12],' || complain "the program of README.md did not print a solution"
    cd "$scratch"
}

# What the commands of a page write in the root of a checkout is ignored there.
check_ignored() {
    git -C "$root" rev-parse > /dev/null 2>&1 || return 0
    for file in "$scratch/$1"/*.*; do
        case $file in */run[0-9]*.ok | */run[0-9]*.judged | */run[0-9]*.fails) continue ;; esac
        git -C "$root" check-ignore -q "$root/$(basename "$file")" || complain "$1 writes $(basename "$file"), not in .gitignore"
    done
}

check_links
check_settings
check_man_page
make_stand_ins
PATH=$scratch/stand-in:$PATH
export PATH
run_page "$root/README.md"
run_page "$root/docs/tutorial.md"
run_page "$root/docs/case-format.md"
run_page "$root/docs/fit.md"
pdemoe check "$scratch/case-format/reactor.cdl" > said 2>&1 || complain "reactor.cdl of docs/case-format.md: $(cat said)"
run_program
check_ignored README
check_ignored tutorial
check_ignored fit
exit $failed
