"""Places that even the administrator cannot read."""

from __future__ import annotations

import os
from pathlib import Path


def folder_beyond_all_paths(folder: Path) -> str:
    """Make folders within folders of one name until no path reaches the last of them; returns that name."""
    before, name = Path.cwd(), "f" * 200
    os.chdir(folder)
    try:
        for _ in range(25):  # 5,000 characters; Linux takes 4,096
            os.mkdir(name)
            os.chdir(name)
    finally:
        os.chdir(before)
    return name
