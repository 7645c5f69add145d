"""`python -m seqrec`."""

from seqrec.cli.main import main

if __name__ == "__main__":
    main(prog_name="seqrec")
