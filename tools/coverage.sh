#!/bin/sh
# Usage: tools/coverage.sh BUILD_DIR
# Runs all tests in a build that counts executed lines and prints the share per file.
set -eu
cd "$(dirname "$0")/.."
code=0
tools/check.sh "$1" -Db_coverage=true -Doptimization=0 -Ddebug=true || code=$?
# lines whose counts two processes wrote at once are left out
gcovr --root . --gcov-ignore-parse-errors --filter src/ --exclude '.*_test\.c' --print-summary "$1"
exit $code # a failure is said, and what was covered all the same
