"""`python -m infc`."""

from infc.cli import main

main(prog_name="infc")
