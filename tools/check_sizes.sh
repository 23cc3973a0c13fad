#!/bin/sh
# Keeps things small enough to read: functions above 60 lines are named and above 100 an error,
# files above 600 lines and lines above 100 columns are errors. Prints the line budget at the end.
# tools/check_sizes.allow lists what may exceed: `PATH REASON` per line (tables, generated files).
set -eu
cd "$(dirname "$0")/.."
LC_ALL=C.UTF-8 # columns are characters
export LC_ALL

function_warn=60
function_fail=100
file_fail=600
column_fail=100
allow=tools/check_sizes.allow

list_files() { # PATTERN...: in the folders that hold our text
    for pattern in "$@"; do
        find include src tests tools data .ci -type f -name "$pattern" 2>/dev/null || true
    done | grep -v -e '^tests/models/' -e '/corpus/' -e '__pycache__' | sort -u
}

is_allowed() { # PATH
    grep -qE "^$1[ 	]+[^ ]" $allow
}

ctags --version 2>/dev/null | grep -q Universal || {
    echo "universal-ctags is missing: run tools/install_deps.sh ci" >&2
    exit 1
}
bad=0

# --- functions ---
functions=$(list_files '*.c' '*.h' | ctags -L - -o - --languages=C --langmap=C:.c.h \
    --kinds-C=f --fields=+ne --sort=no |
    awk -F '\t' '{
        first = last = 0
        for (i = 4; i <= NF; i++) {
            if ($i ~ /^line:/) { first = substr($i, 6) }
            if ($i ~ /^end:/) { last = substr($i, 5) }
        }
        if (last > 0) { print last - first + 1, $2 ":" first, $1 }
    }')
n_functions=$(printf '%s\n' "$functions" | grep -c . || true)
over=$(printf '%s\n' "$functions" | awk -v max=$function_warn '$1 > max' | sort -rn)
while read -r lines where name; do
    [ -n "$lines" ] || continue
    if [ "$lines" -gt $function_fail ] && ! is_allowed "${where%:*}"; then
        echo "$where: error: $name has $lines lines, at most $function_fail"
        bad=1
    else
        echo "$where: warning: $name has $lines lines, more than $function_warn"
    fi
done <<END
$over
END

# --- files and columns ---
for file in $(list_files '*.c' '*.h' '*.def' '*.sh' '*.py' 'run') meson.build Makefile; do
    is_allowed "$file" && continue
    lines=$(wc -l <"$file")
    if [ "$lines" -gt $file_fail ]; then
        echo "$file: error: $lines lines, at most $file_fail"
        bad=1
    fi
    if wide=$(grep -nE "^.{$((column_fail + 1)),}" "$file"); then
        printf '%s\n' "$wide" | sed "s|:.*||; s|.*|$file:&: error: more than $column_fail columns|"
        bad=1
    fi
done

# a reason is needed, and an entry for a file that is gone is dust
while read -r path reason; do
    case $path in '' | '#'*) continue ;; esac
    if [ ! -f "$path" ] || [ -z "$reason" ]; then
        echo "$allow: error: '$path' does not exist or has no reason"
        bad=1
    fi
done <$allow

# --- budget ---
count_lines() { # reads names, prints the sum of their lines
    tr '\n' '\0' | xargs -0 -r cat | wc -l
}
for folder in include src/*; do
    [ -d "$folder" ] || continue
    own=$(find "$folder" -name '*.[ch]' ! -name '*_test.c' -o -name '*.def' | count_lines)
    tests=$(find "$folder" -name '*_test.c' | count_lines)
    printf '%-14s %6d lines, %6d of tests\n' "$folder" "$own" "$tests"
done
code=$(list_files '*.[ch]' '*.def' | grep -v -e '_test\.c$' -e '^tests/' | count_lines)
tests=$(list_files '*.[ch]' '*.def' | grep -e '_test\.c$' -e '^tests/' | count_lines)
echo "line budget: $code lines of C in $n_functions functions (tests included), $tests of tests"
exit $bad
