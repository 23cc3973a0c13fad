#!/usr/bin/env bash
# Whole networks against the tables of tests/models. Besides tests/models the files are looked for
# in the folders of FLOPWISE_MODELS (separated by ':'); FLOPWISE_PUBLIC_MODELS is a folder of other
# people's files of which most must be complete. Ends in the closing line.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tables=$top/tests/models
folders=("$tables")
IFS=: read -r -a more <<<"${FLOPWISE_MODELS:-$top/../shared/models/onnx}"
for folder in "${more[@]}"; do
    if [ -d "$folder" ]; then
        folders+=("$folder")
    else
        echo "SKIP networks: there is no folder $folder (FLOPWISE_MODELS)"
    fi
done
public=${FLOPWISE_PUBLIC_MODELS:-$top/../shared/models/public}
read_only=()
if [ -d "$public" ]; then
    read_only=(--read "$public" 57)
else
    echo "SKIP networks: there is no folder $public (FLOPWISE_PUBLIC_MODELS)"
fi
exec "${BUILD:-$top/build}/flopwise-networks" "$@" "$tables/EXPECTED.tsv" "$tables/PUBLISHED.tsv" \
    "${folders[@]}" "${read_only[@]}"
