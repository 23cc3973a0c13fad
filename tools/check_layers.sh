#!/bin/sh
# The rules of the layout that a compiler does not check:
#   - includes point to the left in
#     base < graph < ops < build < formats zoo < passes < engine < study < report < api < cli
#     (formats and zoo don't know each other); cli includes only "flopwise.h" and its own headers
#   - a library's header stays in one place: libsmartcols in src/report, oneDNN in src/engine
#   - outside src/ops nothing is decided by operator: no switch over it, no comparison of its name
#     with a literal or of its row with a known row
#   - only src/cli prints, exits or aborts; functions that invite overflow are not called at all
# Unit tests (x_test.c) may include anything and print; their checks on operators are free too.
# A line with the comment `layers: allow REASON` is exempt from the last two groups.
set -eu
cd "$(dirname "$0")/.."

files=$(find src include -type f \( -name '*.c' -o -name '*.h' -o -name '*.def' \) 2>/dev/null |
    LC_ALL=C sort)
if [ -z "$files" ]; then
    echo "no sources yet"
    exit 77
fi

# shellcheck disable=SC2086  # a list of names without blanks
awk '
BEGIN {
    split("base graph ops build formats passes engine study report api cli", order, " ")
    for (i in order) {
        rank[order[i]] = i + 0
    }
    rank["zoo"] = rank["formats"]
    word = "(^|[^A-Za-z0-9_.>])"
    # unbounded or unchecked, the shell, or what a number is by the locale of the caller
    banned = "(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atoll|atof|system|popen|" \
        "tmpnam|mktemp|alloca|scanf|sscanf|fscanf|strtod|strtof|strtold)"
    loud = "(printf|vprintf|puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort)"
    # a standard stream, wherever it stands
    stream = "(stdout|stderr)"
}

function complain(text)
{
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}

# The line without comments, with the content of literals removed unless keep is set.
function code_of(line, keep,    out, c, two, quote)
{
    out = ""
    while (line != "") {
        if (in_comment) {
            if (!match(line, /\*\//)) {
                return out
            }
            line = substr(line, RSTART + 2)
            in_comment = 0
            continue
        }
        if (!match(line, /["\047\/]/)) {
            return out line
        }
        out = out substr(line, 1, RSTART - 1)
        line = substr(line, RSTART)
        c = substr(line, 1, 1)
        two = substr(line, 1, 2)
        if (two == "//") {
            return out
        }
        if (two == "/*") {
            in_comment = 1
            line = substr(line, 3)
        } else if (c == "/") {
            out = out c
            line = substr(line, 2)
        } else {
            quote = c == "\"" ? "^\"([^\"\\\\]|\\\\.)*\"?" : "^\047([^\047\\\\]|\\\\.)*\047?"
            match(line, quote)
            out = out (keep ? substr(line, 1, RLENGTH) : c c)
            line = substr(line, RLENGTH + 1)
        }
    }
    return out
}

function check_include(line,    target, folder)
{
    if (line ~ /^[ \t]*#[ \t]*include[ \t]*</) {
        if (line ~ /libsmartcols/ && layer != "report") {
            complain("libsmartcols is for src/report")
        }
        if (line ~ /(dnnl|oneapi)/ && layer != "engine") {
            complain("oneDNN is for src/engine")
        }
        return
    }
    if (!match(line, /"[^"]*"/) || is_test) {
        return
    }
    target = substr(line, RSTART + 1, RLENGTH - 2)
    if (target == "flopwise.h") {
        return
    }
    if (index(target, "..") > 0) {
        complain("include \"" target "\": paths start at src/")
        return
    }
    folder = target
    if (!sub(/\/.*/, "", folder)) {
        # generated (fw_data.h), else a path that hides its layer
        if (target !~ /^fw_data/) {
            complain("include \"" target "\": paths start at src/, as in \"" layer "/" target "\"")
        } else if (layer == "cli") {
            complain("cli knows only flopwise.h and its own headers, not \"" target "\"")
        }
    } else if (!(folder in rank)) {
        complain("include \"" target "\": src/" folder " is no layer")
    } else if (layer == "public") {
        complain("the public header includes nothing of src")
    } else if (layer == "cli" && folder != "cli") {
        complain("cli knows only flopwise.h and its own headers, not \"" target "\"")
    } else if (rank[folder] > rank[layer]) {
        complain("include to the right: " layer " may not know " folder)
    } else if (rank[folder] == rank[layer] && folder != layer) {
        complain("include to the side: " layer " may not know " folder)
    }
}

function check_operators(code, text)
{
    if (code ~ /switch[ ]*\(.*(^|[^a-z_])(op|op_type|opcode|op_id|op_kind)[^a-z_(]/) {
        complain("a switch over operators: the answer belongs into the operator row (src/ops)")
    }
    if (text ~ /(op|op_type)(->|\.)name,[ ]*"/ || text ~ /cmp\("[^"]*",[^;]*op(->|\.)name/) {
        complain("an operator recognised by its name: ask the row (src/ops)")
    }
    if (code ~ /[!=]=[ ]*&fw_op_/ || code ~ /&fw_op_[a-z0-9_]+[ ]*[!=]=/) {
        complain("an operator recognised by its row: ask a slot of the row (src/ops)")
    }
}

function check_calls(code)
{
    if (match(code, word banned "[ ]*\\(")) {
        complain("banned function: " substr(code, RSTART, RLENGTH))
    }
    if (layer == "cli") {
        return
    }
    if (match(code, word loud "[ ]*\\(")) {
        complain("the library never prints, exits or aborts: " substr(code, RSTART, RLENGTH))
    }
    if (match(code, word stream "([^A-Za-z0-9_]|$)")) {
        complain("the library owns no standard stream: " substr(code, RSTART, RLENGTH))
    }
}

FNR == 1 {
    in_comment = 0
    is_test = FILENAME ~ /_test\.c$/
    split(FILENAME, part, "/")
    layer = part[1] == "include" ? "public" : part[2]
    n_files++
    if (layer != "public" && !(layer in rank)) {
        complain("src/" layer " is no layer: see the list in tools/check_layers.sh")
    }
}

{
    was_in_comment = in_comment
    text = code_of($0, 1)
    if (text ~ /^[ \t]*#[ \t]*include/) {
        check_include(text)
        next
    }
    if (is_test || index($0, "layers: allow ") > 0) {
        next
    }
    now_in_comment = in_comment
    in_comment = was_in_comment
    code = code_of($0, 0)
    in_comment = now_in_comment
    check_calls(code)
    if (layer != "ops") {
        check_operators(code, text)
    }
}

END {
    if (!bad) {
        printf "%d files keep the layers\n", n_files
    }
    exit bad
}' $files
