# Sourced by the scripts that run several suites: closing lines "N passed, N failed, N skipped" are
# what a suite says to the outside, and here they are read and added.
# shellcheck shell=sh

n_passed=0
n_failed=0
n_skipped=0

closing_line() { # FILE: the last closing line in it, nothing if there is none
    grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1" | tail -n 1
}

add_counts() { # PASSED FAILED SKIPPED
    n_passed=$((n_passed + $1))
    n_failed=$((n_failed + $2))
    n_skipped=$((n_skipped + $3))
}

# EXIT_CODE FILE: adds the closing line of the output in FILE. A command that failed without naming
# a failure, or that was to end in a closing line and did not, is one failure.
add_output() {
    line=$(closing_line "$2")
    if [ -z "$line" ]; then
        add_counts 0 1 0
        return 1
    fi
    # shellcheck disable=SC2046  # the three numbers
    set -- "$1" $(printf '%s' "$line" | tr -cd '0-9 ')
    add_counts "$2" "$3" "$4"
    [ "$1" -eq 0 ] || [ "$3" -gt 0 ] || add_counts 0 1 0
    [ "$1" -eq 0 ] && [ "$3" -eq 0 ]
}

# One case: a command that must succeed; what it said is shown when it does not.
check() { # WHAT COMMAND...
    what=$1
    shift
    if said=$("$@" 2>&1); then
        add_counts 1 0 0
    else
        add_counts 0 1 0
        printf 'FAILED %s\n%s\n' "$what" "$said"
    fi
}

print_sums() {
    echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
}
