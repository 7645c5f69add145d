"""Speed side by side: what `seqrec bench` measures, and what it is measured against.

A case (`cases.py`) is seqrec and its peers doing the same work on the same arrays. Each side is a file
of its own here, run in a fresh process by `side.py`; `rounds.py` runs the sides in turn.
"""
