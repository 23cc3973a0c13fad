# a picture is XML, has a title and a tooltip per step; letters give an error and no file
"$FLOPWISE" memory models/resnet18.onnx --format svg -o out.svg && ls
python3 - out.svg <<'END'
import sys
import xml.etree.ElementTree as tree
svg = tree.parse(sys.argv[1]).getroot()
name = "{http://www.w3.org/2000/svg}"
texts = [t.text for t in svg.iter(name + "text")]
print(texts)
print(len(svg.findall(".//%srect/%stitle" % (name, name))), "tooltips")
END
"$FLOPWISE" memory models/lstm_dyn.onnx --format svg -o open.svg
echo "exit $?"
ls
