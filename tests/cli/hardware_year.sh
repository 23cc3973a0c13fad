"$FLOPWISE" hardware --year
"$FLOPWISE" hardware --year --format svg | grep -c "<title>"
