#!/usr/bin/env bash
# Every command that README, docs, manual pages and --help show, run as it stands there. Ends in
# the closing line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
export FLOPWISE=${FLOPWISE:-$here/../../build/flopwise} LC_ALL=C.UTF-8 PYTHONPATH=$here/../support
exec python3 "$here/examples.py" "$(cd "$here/../.." && pwd)"
