#!/bin/bash
# Usage: FLOPWISE=path tests/cli/run.sh [--update] [NAME...]
# Golden tests of the program. A case is NAME.sh beside this file, run by sh in a scratch folder of
# its own with $FLOPWISE (the program) and $TOP (the source tree) set, and `models` linked to
# tests/models. NAME.stdout, NAME.stderr and NAME.exit say what must come out; a missing file means
# empty and exit code 0. In both streams the scratch folder reads SCRATCH, the source tree TOP.
# What libgcov says when the sandbox keeps it from its files (a coverage build) is left out.
# --update writes the expected files from what comes out: look at the difference before committing.
# A case that ends with exit code 77 is skipped, for the reason in its last line on stderr.
set -u
FLOPWISE=$(realpath "${FLOPWISE:-$(dirname "$0")/../../build/flopwise}")
cd "$(dirname "$0")" || exit 1
cases=$PWD
TOP=$(cd ../.. && pwd)
export TOP FLOPWISE LC_ALL=C.UTF-8 TERM=dumb COLUMNS=100

update=no
if [ "${1:-}" = --update ]; then
    update=yes
    shift
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0 skipped=0

run_case() { # NAME: leaves what came out in $scratch/NAME.{stdout,stderr,exit}
    local name=$1 code=0 stream
    mkdir "$scratch/$name"
    ln -s "$TOP/tests/models" "$scratch/$name/models"
    (cd "$scratch/$name" && timeout 120 sh "$cases/$name.sh") </dev/null \
        >"$scratch/$name.raw.stdout" 2>"$scratch/$name.raw.stderr" || code=$?
    for stream in stdout stderr; do
        sed -e "s|$scratch/$name|SCRATCH|g" -e "s|$TOP|TOP|g" -e '/^profiling:/d' \
            "$scratch/$name.raw.$stream" >"$scratch/$name.$stream"
    done
    echo $code >"$scratch/$name.exit"
}

compare_case() { # NAME: 0 when all three are as expected, prints the difference otherwise
    local name=$1 same=0 part expected
    for part in exit stdout stderr; do
        expected=$cases/$name.$part
        if [ ! -f "$expected" ]; then
            expected=/dev/null
            [ $part != exit ] || expected=$scratch/zero
        fi
        diff -u --label "$name.$part expected" --label "$name.$part" \
            "$expected" "$scratch/$name.$part" || same=1
    done
    return $same
}

update_case() { # NAME
    local part
    for part in exit stdout stderr; do
        rm -f "$cases/$1.$part"
        if [ $part = exit ]; then
            cmp -s "$scratch/zero" "$scratch/$1.exit" && continue
        else
            [ -s "$scratch/$1.$part" ] || continue
        fi
        cp "$scratch/$1.$part" "$cases/$1.$part"
    done
}

echo 0 >"$scratch/zero"
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for file in *.sh; do
        [ "$file" = run.sh ] || names+=("${file%.sh}")
    done
fi
for name in ${names[@]+"${names[@]}"}; do
    if [ ! -f "$name.sh" ]; then
        echo "FAILED $name: there is no $name.sh"
        failed=$((failed + 1))
        continue
    fi
    run_case "$name"
    if [ "$(cat "$scratch/$name.exit")" = 77 ]; then
        echo "skipped $name: $(tail -n 1 "$scratch/$name.stderr")"
        skipped=$((skipped + 1))
        continue
    fi
    [ $update = no ] || update_case "$name"
    if compare_case "$name"; then
        passed=$((passed + 1))
    else
        echo "FAILED $name"
        failed=$((failed + 1))
    fi
done

# an expected file whose case is gone checks nothing
for file in *.stdout *.stderr *.exit; do
    if [ -f "$file" ] && [ ! -f "${file%.*}.sh" ]; then
        echo "FAILED $file: there is no ${file%.*}.sh"
        failed=$((failed + 1))
    fi
done

[ $((passed + failed + skipped)) -gt 0 ] || echo "no cases yet"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
