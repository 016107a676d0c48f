"""One file, one command; each has run(arguments), and nothing here is imported before its command is asked for."""
