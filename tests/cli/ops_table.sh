# the table wraps what is long and leaves out what no file can name; --all shows it
COLUMNS=72 "$FLOPWISE" ops 'LayerNorm*'
"$FLOPWISE" ops 'LayerNorm*' --all | wc -l
