#!/bin/sh
# The measuring commands on this machine: `peak` and its cache, `stat` where there is a counter, and
# what it says where there is none.
set -eu
# shellcheck source=tools/sum.sh
. "$(dirname "$0")/../../tools/sum.sh"
FLOPWISE=$(realpath "${FLOPWISE:-build/flopwise}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export XDG_CACHE_HOME="$scratch/cache"

value() { # FILE KEY: an integer or a word of the JSON form
    sed -n "s/.*\"$2\": \"\{0,1\}\([^,\"]*\).*/\1/p" "$1" | head -1
}

# rates that cannot all be true, as other work on the machine makes them, are not kept
for try in 1 2 3; do
    rm -rf cache
    "$FLOPWISE" peak --format json >first.json
    "$FLOPWISE" peak --format json >second.json
    [ "$(value second.json cached)" = false ] || break
done
check "a peak" test "$(value first.json peak_flop_per_second)" -gt 100000000
check "measured" test "$(value first.json cached)" = false
if [ "$(value second.json cached)" = false ]; then
    echo "SKIPPED what the cache keeps: the machine was too busy to be measured in $try tries"
    add_counts 0 0 1
else
    check "as it was" test "$(value first.json peak_flop_per_second)" = \
        "$(value second.json peak_flop_per_second)"
    check "one file in the cache" test "$(find cache/flopwise -type f | wc -l)" = 1
fi

code=0
"$FLOPWISE" stat --format json -o stat.json -- sh -c 'touch ran; exit 7' 2>error || code=$?
if [ $code = 9 ]; then
    check "says that there is no counter" grep -q 'hardware counter not available: ' error
    check "nothing ran" test ! -e ran
    echo "SKIPPED what needs a hardware counter: $(cat error)"
    add_counts 0 0 1
else
    check "exit code of the program" test $code = 7
    check "a count" test "$(value stat.json retired_flop)" -lt 100000
    # 3 million multiplications, as the interpreter does them
    "$FLOPWISE" stat --format json -o awk.json -- \
        awk 'BEGIN { for (i = 0; i < 1000000; i++) x = i * 1.5 * 1.5 * 1.5 }'
    check "counts children" test "$(value awk.json retired_flop)" -ge 3000000
fi
print_sums
[ "$n_failed" -eq 0 ]
