#!/usr/bin/env bash
# Numbers that papers and other programs print for language models (tests/hf/published.tsv), and the
# exact parameters of the configurations in FLOPWISE_HF (../shared/models/hf), where it is. Where a
# published number counts something else, the row's source says what and its filter adds it. Ends in
# the closing line.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
flopwise=${FLOPWISE:-$top/build/flopwise}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
skipped=0
verdict() { # NAME FOUND WANTED TOLERANCE
    local within='BEGIN { d = a - b; if (d < 0) d = -d; exit !(a != "" && d <= t * b) }'
    if awk -v a="$2" -v b="$3" -v t="$4" "$within"; then
        echo passed
    else
        echo "FAILED $1: $3 is wanted within $4, found '$2'"
    fi
}
check_row() { # ROW-OF-THE-TABLE
    local value tolerance options filter config source found here=$folder/$1
    IFS=$'\t' read -r value tolerance options filter config source < <(sed -n "$1p" "$table")
    mkdir "$here"
    printf '%s' "$config" >"$here/config.json"
    # shellcheck disable=SC2086 # a list of options
    found=$("$flopwise" count "$here/config.json" $options --format json | jq -r "$filter")
    verdict "$source ($filter)" "$found" "$value" "$tolerance"
}
table=$top/tests/hf/published.tsv
export -f verdict check_row
export table folder flopwise
# shellcheck disable=SC2016 # the inner shell's
grep -n -v '^#' "$table" | cut -d: -f1 |
    xargs -P "$(nproc)" -I{} bash -c 'check_row "$1"' bash {} >"$folder/verdicts"

models=${FLOPWISE_HF:-$top/../shared/models/hf}
if [ ! -f "$models/EXPECTED.tsv" ]; then
    echo "SKIP hf: there is no $models/EXPECTED.tsv (FLOPWISE_HF)"
    skipped=1
else
    while read -r name value; do
        [ "$name" != config ] || continue
        found=$("$flopwise" count "$models/$name/config.json" --infer --format json |
            jq -r .totals.params)
        verdict "$name" "$found" "$value" 0 >>"$folder/verdicts"
    done <"$models/EXPECTED.tsv"
fi
grep '^FAILED' "$folder/verdicts"
passed=$(grep -c '^passed' "$folder/verdicts")
failed=$(grep -c '^FAILED' "$folder/verdicts")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
