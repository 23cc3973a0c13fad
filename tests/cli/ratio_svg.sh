# the curve as a chart: one mark and one tooltip a point, the limit beside
"$FLOPWISE" ratio models/resnet18.onnx --sweep batch=1..1024 --format svg -o out.svg
python3 - out.svg <<'END'
import sys
import xml.etree.ElementTree as tree
svg = tree.parse(sys.argv[1]).getroot()
name = "{http://www.w3.org/2000/svg}"
print([t.text for t in svg.iter(name + "text")])
print([t.text for t in svg.findall("./%scircle/%stitle" % (name, name))])
END
