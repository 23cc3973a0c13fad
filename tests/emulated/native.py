#!/usr/bin/env python3
"""Usage: tests/emulated/native.py OPERATIONS.so PROGRAM [ARGUMENT...]

Runs a program with the processor's own instructions, AVX-512 among them, and counts what they
retire (decode.h): Frida's Stalker copies every block of instructions that is about to run, and the
copy adds what the block does to the number that flopwise reads in the place of the hardware's
counter. Prints "flops N" at the end. Exit code 77 without Frida (PyPI: frida).

When the Stalker copies a block it empties the upper halves of the 512-bit registers, so what a
program computes may be wrong the first time. Counts of kernels that do not look at their numbers
are right; masks and the registers from 16 on stay, for which the C library must not use them.
"""
import mmap
import os
import struct
import sys
import tempfile
import threading

try:
    import frida
except ImportError:
    print("native.py: Frida is not installed (PyPI: frida)", file=sys.stderr)
    sys.exit(77)

TUNABLES = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW"

# What is added before the last instruction of a block keeps flags and registers: rax and the flags
# that LAHF does not take are set aside in memory of the thread's own.
SCRIPT = r"""
const find = Module.getGlobalExportByName;
const open = new NativeFunction(find('open'), 'int', ['pointer', 'int']);
const map = new NativeFunction(find('mmap'), 'pointer',
                               ['pointer', 'size_t', 'int', 'int', 'int', 'long']);
const operations = Module.load('OPERATIONS').getExportByName('fw_operations');
const total = map(ptr(0), 8, 3, 1, open(Memory.allocUtf8String('TOTAL'), 2), 0);
const adding = new CModule(String.raw`
#include <gum/gumstalker.h>
#include <string.h>
extern guint64 total;
extern guint32 fw_operations(const guint8 *p, gsize n);

static guint8 *put(guint8 *to, const char *code, gsize n, gconstpointer address)
{
    memcpy(to, code, n);
    if (address != NULL)
        memcpy(to + n, &address, 8);
    return to + n + (address != NULL ? 8 : 0);
}

static void add(GumX86Writer *w, guint32 n, guint8 *own)
{
    guint8 code[128], *p = code;
    if (n == 0)
        return;
    p = put(p, "\x48\xa3", 2, own);                  // mov [own], rax
    p = put(p, "\x9f\x0f\x90\xc0", 4, NULL);         // lahf; seto al
    p = put(p, "\x48\xa3", 2, own + 8);              // mov [own + 8], rax
    p = put(p, "\x48\xb8", 2, &total);               // mov rax, total
    p = put(p, "\xf0\x48\x81\x00", 4, NULL);         // lock add qword [rax], n
    memcpy(p, &n, 4);
    p = put(p + 4, "\x48\xa1", 2, own + 8);          // mov rax, [own + 8]
    p = put(p, "\x04\x7f\x9e", 3, NULL);             // add al, 127; sahf
    p = put(p, "\x48\xa1", 2, own);                  // mov rax, [own]
    gum_x86_writer_put_bytes(w, code, p - code);
}

/* Whether it may leave the block: what stands behind it is not reached. */
static int leaves(const guint8 *p)
{
    while (*p == 0xf2 || *p == 0xf3 || *p == 0x3e || *p == 0x66 || (*p & 0xf0) == 0x40)
        p++;
    return (*p & 0xf0) == 0x70 || (*p == 0x0f && ((p[1] & 0xf0) == 0x80 || p[1] == 0x05)) ||
           *p == 0xc2 || *p == 0xc3 || (*p >= 0xe0 && *p <= 0xe3) ||
           (*p >= 0xe8 && *p <= 0xeb) || *p == 0xff;
}

void transform(GumStalkerIterator *iterator, GumStalkerOutput *output, gpointer own)
{
    const cs_insn *insn;
    guint32 n = 0;
    while (gum_stalker_iterator_next(iterator, &insn)) {
        if (leaves(insn->bytes)) {
            add(output->writer.x86, n, own);
            n = 0;
        }
        n += fw_operations(insn->bytes, insn->size);
        gum_stalker_iterator_keep(iterator);
    }
    add(output->writer.x86, n, own);
}
`, {total: total, fw_operations: operations});
const kept = [];
function follow() {
    const own = Memory.alloc(16);
    kept.push(own);
    Stalker.follow(Process.getCurrentThreadId(), {transform: adding.transform, data: own});
}
function unfollow() { Stalker.unfollow(); }
const main = Process.mainModule.enumerateSymbols().find(s => s.name === 'main');
const starts = new Set();
Interceptor.attach(main.address, {onEnter: follow, onLeave: unfollow});
Interceptor.attach(find('pthread_create'), {onEnter(args) {
    if (!starts.has(args[2].toString()))
        Interceptor.attach(args[2], {onEnter: follow, onLeave: unfollow});
    starts.add(args[2].toString());
}});
"""


def run(operations, command):
    with tempfile.NamedTemporaryFile() as total:
        total.write(bytes(8))
        total.flush()
        ended = threading.Event()
        failures = []
        pid = frida.spawn(command, stdio="inherit",
                          env={**os.environ, "FLOPWISE_COUNTER_FILE": total.name,
                               "GLIBC_TUNABLES": TUNABLES})
        session = frida.attach(pid)
        session.on("detached", lambda *_: ended.set())
        script = session.create_script(
            SCRIPT.replace("OPERATIONS", operations).replace("TOTAL", total.name))
        script.on("message", lambda message, _: failures.append(message))
        script.load()
        frida.resume(pid)
        ended.wait()
        for message in failures:
            print("native.py:", message.get("description", message), file=sys.stderr)
        with mmap.mmap(total.fileno(), 8) as count:
            print("flops", struct.unpack("Q", count[:8])[0], file=sys.stderr)
        return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(run(os.path.realpath(sys.argv[1]), sys.argv[2:]))
