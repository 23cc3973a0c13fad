"$FLOPWISE" formats
"$FLOPWISE" formats --format json | head -5
