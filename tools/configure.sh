#!/bin/sh
# Usage: tools/configure.sh BUILD_DIR [MESON_OPTION...]
# Sets the build folder up, or re-configures it when it lacks one of the options or when the list of
# source files is not the one it was configured with. Does nothing, quickly, when nothing changed.
# Options given earlier stay until they are given with another value.
set -eu
cd "$(dirname "$0")/.."
build=$1
shift

sources=$(sh tools/list_sources.sh)
changed=no
[ -f "$build/build.ninja" ] || changed=yes
[ "$sources" = "$(cat "$build/.sources" 2>/dev/null)" ] || changed=yes
for option in "$@"; do
    grep -qxFe "$option" "$build/.options" 2>/dev/null || changed=yes
done
[ $changed = yes ] || exit 0

for tool in meson ninja; do
    command -v $tool >/dev/null 2>&1 || {
        echo "$tool is missing: run tools/install_deps.sh build" >&2
        exit 1
    }
done
mkdir -p "$build"
again=
[ ! -f "$build/build.ninja" ] || again=--reconfigure
# shellcheck disable=SC2086  # no word when empty
meson setup $again "$build" "$@" >"$build/configure.log" 2>&1 || {
    cat "$build/configure.log" >&2
    exit 1
}
touch "$build/.options"
for option in "$@"; do
    { grep -vFe "${option%%=*}=" "$build/.options" || true; } >"$build/.options.new"
    echo "$option" >>"$build/.options.new"
    mv "$build/.options.new" "$build/.options"
done
printf '%s\n' "$sources" >"$build/.sources"
