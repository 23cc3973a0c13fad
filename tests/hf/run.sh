#!/usr/bin/env bash
# Numbers that papers and other programs print for language models (tests/hf/published.tsv), and the
# exact parameters of the configurations in FLOPWISE_HF (../shared/models/hf), where it is. Ends in
# the closing line.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
flopwise=${FLOPWISE:-$top/build/flopwise}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0 skipped=0
verdict() { # NAME FOUND WANTED TOLERANCE
    local within='BEGIN { d = a - b; if (d < 0) d = -d; exit !(a != "" && d <= t * b) }'
    if awk -v a="$2" -v b="$3" -v t="$4" "$within"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1: $3 is wanted within $4, found '$2'"
    fi
}
while IFS=$'\t' read -r value tolerance options filter config source; do
    [[ $value != \#* ]] || continue
    printf '%s' "$config" >"$folder/config.json"
    # shellcheck disable=SC2086 # a list of options
    found=$("$flopwise" count "$folder/config.json" $options --format json | jq -r "$filter")
    verdict "$source ($filter)" "$found" "$value" "$tolerance"
done <"$top/tests/hf/published.tsv"

models=${FLOPWISE_HF:-$top/../shared/models/hf}
if [ ! -f "$models/EXPECTED.tsv" ]; then
    echo "SKIP hf: there is no $models/EXPECTED.tsv (FLOPWISE_HF)"
    skipped=1
else
    while read -r name value; do
        [ "$name" != config ] || continue
        found=$("$flopwise" count "$models/$name/config.json" --infer --format json |
            jq -r .totals.params)
        verdict "$name" "$found" "$value" 0
    done <"$models/EXPECTED.tsv"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
