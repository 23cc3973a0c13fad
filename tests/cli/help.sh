"$FLOPWISE" help
"$FLOPWISE" help count
"$FLOPWISE" memory --help
"$FLOPWISE" help hlep
echo "exit $?"
"$FLOPWISE"
echo "exit $?"
