# Completion of aethr for fish: aethr completion fish > ~/.config/fish/completions/aethr.fish
function __aethr_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l aethr (string replace -r '^~' $HOME -- $words[1])
    set -l found ($aethr completion fish -- $words[2..-1] "$current" 2> /dev/null)
    switch "$found[1]"
        case files
            __fish_complete_path "$current"
        case words
            printf '%s\n' $found[2..-1]
    end
end
complete -c aethr -f -a '(__aethr_words)'
