# branches inside branches, with a letter: every body is planned once (2^30 times would never end)
python3 - >nested.txt <<'P'
depth = 30
text = ""
for k in range(depth):
    text += f"o{k} = If (c) <else_branch = e{k} () => (float[N] a{k}) {{ a{k} = Abs (x) }}, "
    text += f"then_branch = t{k} () => (float[N] b{k}) {{ "
text += "r = Relu (x) "
inner = "r"
for k in reversed(range(depth)):
    text += f"b{k} = Neg ({inner}) }}> "
    inner = f"o{k}"
print('<ir_version: 8, opset_import: ["" : 17]>')
print(f"nested (bool c, float[N] x) => (float[N] o0) {{ {text} }}")
P
timeout 20 "$FLOPWISE" memory nested.txt --no-color | grep "^peak"
