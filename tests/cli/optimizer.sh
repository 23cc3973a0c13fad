COLUMNS=80 "$FLOPWISE" optimizer
COLUMNS=80 "$FLOPWISE" optimizer adam --format text
COLUMNS=80 "$FLOPWISE" optimizer muon
"$FLOPWISE" optimizer adafactor --format md
# every rule can be read as a formula
for name in $("$FLOPWISE" optimizer --format json | jq -r '.optimizers[].name'); do
    "$FLOPWISE" optimizer "$name" --format json |
        jq -r '[.schema, .optimizer.name, (.blocks[1].latex | length > 0)] | @tsv'
    "$FLOPWISE" optimizer "$name" --format html | grep -c '<math'
done
"$FLOPWISE" optimizer adm
"$FLOPWISE" optimizer adam --format svg
