#!/bin/sh
# Usage: tools/coverage.sh BUILD_DIR
# Runs all tests in a build that counts executed lines and prints the share per file.
set -eu
cd "$(dirname "$0")/.."
tools/check.sh "$1" -Db_coverage=true -Doptimization=0 -Ddebug=true
gcovr --root . --filter src/ --exclude '.*_test\.c' --print-summary "$1"
