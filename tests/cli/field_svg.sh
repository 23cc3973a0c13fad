# the field of a unit on the input: an area for two axes, a strip for one
for model in models/resnet18.onnx models/op_conv1d.onnx; do
    "$FLOPWISE" field $model --format svg -o out.svg
    python3 - out.svg <<'END'
import sys
import xml.etree.ElementTree as tree
svg = tree.parse(sys.argv[1]).getroot()
name = "{http://www.w3.org/2000/svg}"
print([t.text for t in svg.iter(name + "text")])
for r in svg.iter(name + "rect"):
    print(r.get("class"), *(r.get(k) for k in ("x", "y", "width", "height")))
END
done
"$FLOPWISE" field models/resnet18.onnx --at /maxpool/MaxPool --format svg | grep -c '7 x 7\|11 x 11'
