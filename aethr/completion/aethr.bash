# Completion of aethr for bash. In ~/.bashrc: eval "$(aethr completion bash)"
_aethr() {
    local aethr=${1/#\~/$HOME} kind line
    COMPREPLY=()
    {
        IFS= read -r kind
        while IFS= read -r line; do COMPREPLY+=("$line"); done
    } < <("$aethr" completion bash -- "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2> /dev/null)
    if [[ $kind == files ]]; then compopt -o default; fi
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then compopt -o nospace; fi
}
complete -F _aethr aethr
