#!/bin/sh
# Manual pages and --help name the same commands and options.
set -eu
cd "$(dirname "$0")/../.."
FLOPWISE=${FLOPWISE:-build/flopwise}
passed=0
failed=0

options_of_page() { # reads it as scdoc gets it
    sed -n '/^# OPTIONS/,/^# EXIT/s/^\(\*-[a-z]\*, \)\{0,1\}\*\(--[a-z0-9-]*\)\*.*/\2/p' | sort
}

options_of_help() { # COMMAND
    "$FLOPWISE" "$1" --help | sed -n 's/^  \(-[a-z], \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' | sort
}

check() { # WHAT EXPECTED FOUND
    if [ "$2" = "$3" ] && [ -n "$2" ]; then
        passed=$((passed + 1))
    else
        echo "FAILED $1"
        echo "  program: $(echo "$2" | tr '\n' ' ')"
        echo "  page:    $(echo "$3" | tr '\n' ' ')"
        failed=$((failed + 1))
    fi
}

commands=$("$FLOPWISE" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sort)
pages=$(find man -name 'flopwise-*.1.scd' | sed 's|.*/flopwise-\(.*\)\.1\.scd|\1|' | sort)
check "a page for every command" "$commands" "$pages"
listed=$(sed -n '/^# COMMANDS/,/^# OUTPUT/s/^\*\([a-z]*\)\*$/\1/p' man/flopwise.1.scd | sort)
check "flopwise(1) lists the commands" "$commands" "$listed"
for command in $commands; do
    [ -f "man/flopwise-$command.1.scd" ] || continue
    check "options of $command" "$(options_of_help "$command")" \
        "$(tools/man_page.sh "$FLOPWISE" "man/flopwise-$command.1.scd" | options_of_page)"
    summary=$("$FLOPWISE" help | sed -n "s/^  $command  *\(.*\)/\1/p")
    check "summary of $command" "$summary" \
        "$(sed -n "s/^flopwise-$command - //p" "man/flopwise-$command.1.scd")"
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
