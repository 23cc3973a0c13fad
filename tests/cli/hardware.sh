# a device by the names people use, and names that fit none or several
"$FLOPWISE" hardware h100
"$FLOPWISE" hardware MI250X --format json
"$FLOPWISE" hardware --format csv | head -3
for name in 'TPU v5' 'H1000' 'rocket'; do
    "$FLOPWISE" hardware "$name"
    echo "exit $?"
done
"$FLOPWISE" hardware H100 --year
echo "exit $?"
