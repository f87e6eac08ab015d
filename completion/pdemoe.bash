# Completion of pdemoe for bash. Commands, options and settings are those that the program's own --help tells.

# Of a help on stdin: commands; options; settings, "group.name="; of new --list: kinds.
_pdemoe_commands() { sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p'; }
_pdemoe_options() { sed -n '/^Options:/,/^$/{s/^ *\(-[a-zA-Z]\), \(--[a-z-]*\).*/\1 \2/p; s/^ *\(--[a-z-]*\) .*/\1/p;}'; }
_pdemoe_settings() {
    sed -n '/^Settings of a case/,/^Exit codes/p' | awk '
        /^[a-z_]+(,.*)?$/ { group = $1; sub(/,/, "", group) }
        /^  [a-z_]+:? / { name = $1; sub(/:/, "", name); print group "." name "=" }'
}
_pdemoe_kinds() { sed -n 's/^\([a-z_][a-z_]*\) .*/\1/p'; }

_pdemoe() {
    local program=$1 word=$2 before=$3 command=${COMP_WORDS[1]-} IFS=$' \t\n'
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        # shellcheck disable=SC2207 # words without blanks
        COMPREPLY=($(compgen -W "$("$program" --help 2> /dev/null | _pdemoe_commands) --help --version" -- "$word"))
        return
    fi
    local words=
    case $before in
    --backend) words='cpu cuda auto check' ;;
    --method) words='auto polish lines' ;;
    --conditions) words='value flux periodic' ;;
    --set) words=$("$program" "$command" --help 2> /dev/null | _pdemoe_settings) ;;
    esac
    case $word in -*) words=$("$program" "$command" --help 2> /dev/null | _pdemoe_options) ;; esac
    if [ -z "$words" ] && [ "$command" = new ] && [ "$COMP_CWORD" -eq 2 ]; then
        words=$("$program" new --list 2> /dev/null | _pdemoe_kinds)
    fi
    if [ -n "$words" ]; then
        # shellcheck disable=SC2207
        COMPREPLY=($(compgen -W "$words" -- "$word"))
        case ${COMPREPLY[*]-} in *=) compopt -o nospace 2> /dev/null ;; esac
        return
    fi
    IFS=$'\n'
    # shellcheck disable=SC2207
    COMPREPLY=($(compgen -f -X '!*.nc' -- "$word") $(compgen -f -X '!*.cdl' -- "$word") $(compgen -d -- "$word"))
    [ "${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
    compopt -o filenames 2> /dev/null
}
complete -F _pdemoe pdemoe
