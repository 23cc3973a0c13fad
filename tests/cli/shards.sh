# many files and an index: read whole, and what an index may not do
"$FLOPWISE" count models/weights/shards --top 3 --quiet
"$FLOPWISE" count models/weights/shards --quiet --format json >out.json
python3 - <<'END'
import json
weights = json.load(open("out.json", encoding="utf-8"))["weights"]
print(weights["params"], weights["bytes"], [file["bytes"] for file in weights["files"]])
END
try() { # NAME SED-SCRIPT: the index changed by it
    rm -rf model
    mkdir model
    cp models/weights/shards/* model
    sed -i "$2" model/model.safetensors.index.json
    echo "-- $1"
    "$FLOPWISE" count model --quiet >/dev/null
    echo "exit $?"
}
try "above" 's|model-00002-of|../model/model-00002-of|'
try "absolute" "s|\"model-00002-of|\"$PWD/model/model-00002-of|"
try "not there" 's|model-00002-of|model-00004-of|'
try "in another file" '/lm_head/s|00003-of|00001-of|'
try "not in any file" 's|"lm_head.weight"|"lm_head.bias"|'
try "no map" 's|{$|[|;s|}|]|'
try "no name" '/lm_head/s|"model.*"|7|'
rm model/model-00002-of-00003.safetensors
ln -s ../models/weights/shards/model-00002-of-00003.safetensors model/
echo "-- a link that leads out"
cp models/weights/shards/model.safetensors.index.json model
"$FLOPWISE" count model
echo "exit $?"
rm model/*.json model/model-00002*
echo "-- no index, a part that is missing"
"$FLOPWISE" count model
echo "exit $?"
cp models/weights/shards/model-00002-of-00003.safetensors model
"$FLOPWISE" count model --quiet --top 1 | tail -n 8
cp models/weights/packed.safetensors model/other.safetensors
echo "-- no telling which"
"$FLOPWISE" count model
echo "exit $?"
rm model/*
"$FLOPWISE" count model
echo "exit $?"
