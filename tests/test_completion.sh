#!/bin/sh
# Completion for bash and zsh offers what --help has: commands, every option of every command, settings, kinds, files.
# usage: test_completion.sh ROOT PROGRAM
set -eu

root=$1 program=$2
failed=0
complain() {
    echo "$*"
    failed=1
}
rm -rf bin a.nc b.cdl c.txt d
mkdir bin d
ln -s "$program" bin/pdemoe
touch a.nc b.cdl c.txt
PATH=$PWD/bin:$PATH
export PATH

# What has to be offered, from --help by other means than those of the scripts.
commands=$(pdemoe --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }')
[ "$(echo "$commands" | wc -w)" -ge 14 ] || complain "commands found: $commands"
options_of() { pdemoe "$1" --help | awk '/^Options:/ { on = 1; next } /^$/ { on = 0 } on' | grep -o -e '^ *-[a-zA-Z],' -e '^[ a-zA-Z,-]* --[a-z-]*' | tr ' ,' '\n\n' | grep '^-' | sort -u; }

expect() { # WHAT 'WORDS WANTED' 'WORDS OFFERED'
    [ "$(echo "$2" | tr -s ' \n' '\n\n' | sort -u)" = "$(echo "$3" | tr -s ' \n' '\n\n' | sort -u)" ] || complain "$1: $3; $2 expected"
}

try_bash() {
    cat > ask.bash << 'END'
# ask.bash WORD ...: what is offered for the last of the words
. "$script"
COMP_WORDS=(pdemoe "$@")
COMP_CWORD=$#
_pdemoe pdemoe "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
END
    offered() { script=$root/completion/pdemoe.bash bash ask.bash "$@"; }
    expect 'bash: commands' "$commands --help --version" "$(offered '')"
    expect 'bash: a command' 'predict' "$(offered pre)"
    for command in $commands; do
        expect "bash: options of $command" "$(options_of "$command")" "$(offered "$command" -)"
    done
    expect 'bash: back ends' 'cuda cpu' "$(offered train --backend c | grep -v check)"
    expect 'bash: settings' 'training.steps=' "$(offered train --set training.step)"
    [ "$(offered train --set '' | wc -l)" -gt 50 ] || complain "bash: settings: $(offered train --set '')"
    expect 'bash: kinds' 'wave' "$(offered new wa)"
    expect 'bash: files' 'a.nc b.cdl bin d' "$(offered train '')"
}

try_zsh() {
    cat > ask.zsh << 'END'
# ask.zsh FUNCTION COMMAND ...: the words that a function of the script makes of what the command prints
source <(sed '/^_pdemoe "\$@"$/d' "$script")
"${@[2,-1]}" | "$1"
END
    offered() { script=$root/completion/_pdemoe zsh -f ask.zsh "$@" | sed 's/:.*//'; }
    expect 'zsh: commands' "$commands" "$(offered _pdemoe_commands pdemoe --help)"
    for command in $commands; do
        expect "zsh: options of $command" "$(options_of "$command")" "$(offered _pdemoe_options pdemoe "$command" --help)"
    done
    expect 'zsh: settings' "$(pdemoe train --help | bash -c '. "$0"; _pdemoe_settings' "$root/completion/pdemoe.bash")" \
        "$(offered _pdemoe_settings pdemoe train --help)"
    expect 'zsh: kinds' 'wave' "$(offered _pdemoe_kinds pdemoe new --list | grep wa)"
    zsh -f -c "autoload -Uz compinit && compinit -D -u && fpath=($root/completion \$fpath) && autoload -Uz _pdemoe && autoload +X _pdemoe" ||
        complain "zsh: the script does not load"
}

tried=
if command -v bash > found; then try_bash; tried=bash; else echo "no bash: its completion is not tried"; fi
if command -v zsh > found; then try_zsh; tried="$tried zsh"; else echo "no zsh: its completion is not tried"; fi
[ -n "$tried" ] || exit 77
exit $failed
