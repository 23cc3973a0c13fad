#!/usr/bin/env bash
# Receptive fields of built-in networks against published ones: known.tsv, and the whole table of
# FLOPWISE_FIELDS where it is at hand. Ends in the closing line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
export FLOPWISE=${FLOPWISE:-$here/../../build/flopwise} PYTHONPATH=$here/../support
table=${FLOPWISE_FIELDS:-$here/../../../shared/data/receptive_fields.csv}
[ -f "$table" ] || echo "SKIP field: there is no file $table (FLOPWISE_FIELDS)"
exec python3 "$here/compare.py" "$here/known.tsv" "$table"
