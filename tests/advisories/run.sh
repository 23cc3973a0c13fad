#!/bin/bash
# Usage: FLOPWISE=path tests/advisories/run.sh
# Published advisories on ONNX libraries, as tests of this program: a row each, named after it. What
# must not be opened is a named pipe that nobody writes to: who opens it waits until the time is up.
# What must not be written is compared. Ends in the closing line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
FLOPWISE=$(realpath "${FLOPWISE:-$here/../../build/flopwise}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/models" && cd "$scratch/models" || exit 1
python3 "$here/models.py" . || exit 1
mkfifo ../secret
echo untouched >../victim
ln -s ../secret link
ln ../secret hardlink
ln -s .. folder
mkdir junk
for advisory in CVE-*/; do
    ln -s ../../secret "$advisory/link"
    ln -s ../.. "$advisory/folder"
    mkdir "$advisory/junk"
done

passed=0 failed=0
# ADVISORY WANTED_EXIT COMMAND...: the exit code, and at most one line on standard error
row() {
    local advisory=$1 wanted=$2 code=0
    shift 2
    timeout 30 "$FLOPWISE" "$@" >out 2>err </dev/null || code=$?
    if [ $code -eq "$wanted" ] && [ "$(wc -l <err)" -le 1 ] &&
        [ "$(cat ../victim)" = untouched ]; then
        passed=$((passed + 1))
    else
        echo "FAILED $advisory: flopwise $*: exit code $code, not $wanted: $(head -c 300 err)"
        failed=$((failed + 1))
    fi
}
check() { # ADVISORY WHAT COMMAND...: must succeed
    local advisory=$1 what=$2
    shift 2
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED $advisory: $what"
        failed=$((failed + 1))
    fi
}

# Reading outside of the model's folder: up, up behind a folder, from the root, through a link of
# the file, through a second name of it, through a link of the folder; and lengths that are lies.
# External data is never opened; weight files that an index names are, inside of the folder only.
for advisory in CVE-2022-25882 CVE-2024-27318 CVE-2026-27489 CVE-2026-34446 CVE-2026-34447 \
    CVE-2026-34445 absolute; do
    row $advisory 0 count $advisory.onnx --format json
    row $advisory 0 memory $advisory.onnx --format json
    row $advisory 0 run --infer $advisory.onnx --quiet
done
for advisory in CVE-2022-25882 CVE-2024-27318 CVE-2026-27489 CVE-2026-34447 absolute; do
    row $advisory 4 count $advisory
done

# Reading one byte past the end of a message that was cut: names around the length of a message.
for n in 1 100 400 440 480 490 500 {505..514} 600 2047 2048 2049 9000; do
    name=$(printf "%${n}s" '' | tr ' ' q)
    {
        echo '<ir_version: 8, opset_import: ["": 17]>'
        echo "g (float[2] x) => (y) { [$name] y = Gemm (x) }"
    } >CVE-2024-27319.onnxtxt
    row CVE-2024-27319 4 count CVE-2024-27319.onnxtxt
    check CVE-2024-27319 "a message of $(wc -c <err) bytes" test "$(wc -c <err)" -le 530
done

# Archives whose members lie outside: nothing is unpacked, and .npz is read in memory.
python3 - <<'P'
import io, tarfile, zipfile
for name in ("CVE-2024-5187", "CVE-2024-7776"):
    with tarfile.open(name + ".onnx", "w") as tar:
        for path in ("../victim", "/tmp/flopwise-victim"):
            info = tarfile.TarInfo(path)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"evil"))
header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }"
with zipfile.ZipFile("CVE-2024-5187.npz", "w") as z:
    z.writestr("../victim", header.ljust(127) + b"\n" + bytes(64))
    z.writestr("/tmp/flopwise-victim.npy", header.ljust(127) + b"\n" + bytes(64))
P
for advisory in CVE-2024-5187 CVE-2024-7776; do
    row $advisory 4 count $advisory.onnx
done
"$FLOPWISE" run --infer CVE-2022-25882.onnx --input CVE-2024-5187.npz >out 2>err </dev/null
check CVE-2024-5187 "a member was written" test ! -e /tmp/flopwise-victim.npy
check CVE-2024-5187 "a member was written" test ! -e /tmp/flopwise-victim

# Writing where the model says: weights are saved to the named file and nowhere else.
row CVE-2025-51480 0 run CVE-2025-51480.onnx --save saved.safetensors --quiet
check CVE-2025-51480 "nothing was saved" test -s saved.safetensors

echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
