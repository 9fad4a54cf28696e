"""The command line: a file a command. They parse, call and print; no logic."""
