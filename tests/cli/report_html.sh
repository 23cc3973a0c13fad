# the page is whole: every element that is opened is closed, nothing comes from elsewhere
"$FLOPWISE" memory models/resnet18.onnx --format html >memory.html
"$FLOPWISE" count models/resnet18.onnx --format html >count.html
python3 - memory.html count.html <<'END'
import sys
from html.parser import HTMLParser

class Check(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.rows = [], 0
    def handle_starttag(self, tag, attrs):
        self.rows += tag == "tr"
        for key, value in attrs:
            if key in ("src", "href"):
                print("from elsewhere:", value)
        if tag not in ("meta", "br"):
            self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        pass
    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            print("not closed before", tag)

for name in sys.argv[1:]:
    check = Check()
    check.feed(open(name, encoding="utf-8").read())
    print(name, check.open, check.rows, "rows")
END
