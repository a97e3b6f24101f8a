# Completion of mangrovectl in bash: mangrovectl itself is asked, so that there is no second list of its options.
_mangrovectl() {
    local line files= current=${COMP_WORDS[COMP_CWORD]}
    [ "$current" != = ] || current=
    COMPREPLY=()
    while IFS= read -r line; do
        if [ "$line" = :files ]; then files=yes; else COMPREPLY+=("$line"); fi
    done < <("$1" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [ -n "$files" ] || return 0
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
}
complete -F _mangrovectl mangrovectl
