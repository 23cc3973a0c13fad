#!/bin/sh
# Usage: tools/man_page.sh FLOPWISE PAGE.scd
# Prints the page for scdoc: its line @OPTIONS@ becomes the options and lists of names that
# `flopwise COMMAND --help` shows, so that both cannot differ.
set -eu
program=$1
page=$2
command=$(basename "$page" .1.scd)
command=${command#flopwise-}

options() { # reads --help
    awk '
    function escaped(s) { gsub(/[\\*_~]/, "\\\\&", s); return s }
    function flush() {
        if (text == "") return
        if (spelling != "") {
            print spelling "\n\t" toupper(substr(text, 1, 1)) escaped(substr(text, 2)) ".\n"
        } else {
            print escaped(text) ".\n"
        }
        spelling = text = ""
    }
    /^Options:/ { inside = 1; next }
    /^Example:/ { exit }
    !inside { next }
    /^$/ { flush(); next }
    /^  -/ {
        flush()
        for (i = 1; $i ~ /^-/; i++) {
            name = $i
            sub(/,$/, "", name)
            spelling = spelling (i > 1 ? ", " : "") "*" escaped(name) "*"
        }
        # a value stands one blank behind the name, the help at least two
        if (match($0, / --[a-z0-9-]+ [^ ]+/)) {
            value = substr($0, RSTART, RLENGTH)
            sub(/.* /, "", value)
            spelling = spelling " _" escaped(value) "_"
            i++
        }
        for (; i <= NF; i++) text = text (text == "" ? "" : " ") $i
        next
    }
    { sub(/^ +/, ""); text = text (text == "" ? "" : " ") $0 }
    END { flush() }'
}

# not at the end of a pipe: a program that fails must fail the build
help=
! grep -q '^@OPTIONS@$' "$page" || help=$("$program" "$command" --help)
while IFS= read -r line; do
    case $line in
    @OPTIONS@) printf '%s\n' "$help" | options ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$page" | cat -s
