"$FLOPWISE" hardware --year
