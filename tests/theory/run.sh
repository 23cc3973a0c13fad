#!/usr/bin/env bash
# Numbers of the theory, each asked of the command that gives it: known.tsv has what must come out.
# Ends in the closing line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
export FLOPWISE=${FLOPWISE:-$here/../../build/flopwise} PYTHONPATH=$here/../support
exec python3 "$here/compare.py" "$here/known.tsv"
