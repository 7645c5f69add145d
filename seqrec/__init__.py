"""seqrec recognises sequences in handwriting and speech."""

__version__ = "0.1.0"
