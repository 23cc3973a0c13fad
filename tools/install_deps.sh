#!/bin/sh
# Usage: tools/install_deps.sh [build] [check] [fuzz] [bench] [coverage] [valgrind] [ci]
# Installs with apt what Debian 12 lacks for these tasks. Needs root or sudo; says what to install
# when it has neither, and what is needed where there is no apt.
set -eu

packages_of() {
    case $1 in
    build) echo gcc libc6-dev make meson ninja-build pkg-config python3 libsmartcols-dev scdoc \
        libdnnl-dev ;;
    check) echo libcmocka-dev libonnx-testdata python3-onnx python3-numpy python3-torch \
        python3-torchvision qemu-user ;;
    fuzz) echo clang-14 libclang-rt-14-dev llvm-14 ;;
    bench) echo hyperfine protobuf-c-compiler libprotobuf-c-dev python3-onnx python3-venv \
        libopenblas0-pthread ;;
    coverage) echo gcovr ;;
    valgrind) echo valgrind ;;
    ci) echo g++ clang-14 libclang-rt-14-dev llvm-14 clang-format-14 clang-tidy-14 cppcheck \
        universal-ctags shellcheck binutils ;;
    *)
        echo "install_deps.sh: unknown task '$1'" >&2
        exit 2
        ;;
    esac
}

packages=
for task in "${@:-build}"; do
    found=$(packages_of "$task")
    packages="$packages $found"
done

if ! command -v apt-get >/dev/null 2>&1; then
    echo "no apt here; what Debian calls$packages must be installed already" >&2
    exit 0
fi

missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "missing; install as root: apt-get install$missing" >&2
    exit 1
fi

install_missing() {
    # shellcheck disable=SC2086  # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $missing </dev/null
}

echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# the package lists of a fresh machine are empty or old: refresh them when the first try fails
install_missing >"$log" 2>&1 || {
    $as_root apt-get update -q >>"$log" 2>&1 || true
    install_missing >>"$log" 2>&1
} || {
    cat "$log" >&2
    echo "could not install:$missing" >&2
    exit 1
}
