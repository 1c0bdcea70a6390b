#compdef aethr
# Completion of aethr for zsh. In ~/.zshrc, after compinit: eval "$(aethr completion zsh)"
_aethr() {
    local aethr=${${(Q)words[1]}/#\~/$HOME}
    local -a found
    found=("${(@f)$("$aethr" completion zsh -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
    case $found[1] in
        files) _files ;;
        words)
            shift found
            compadd -S '' -- "${(M@)found:#*/}"
            compadd -- "${found[@]:#*/}"
            ;;
    esac
}
# As a file of fpath this is the function itself.
if [[ $funcstack[1] == _aethr ]]; then _aethr "$@"; else compdef _aethr aethr; fi
