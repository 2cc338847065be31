#!/usr/bin/env python3
"""Executes notebooks from top to bottom, each in its own folder; the files stay as they are.

Usage: run_notebooks.py NOTEBOOK…; exit 1 at the first cell that fails, with its output.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main() -> None:
    for name in sys.argv[1:]:
        started = time.monotonic()
        notebook = nbformat.read(name, as_version=4)
        where = {"metadata": {"path": str(Path(name).parent)}}
        NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=where).execute()
        cells = sum(cell.cell_type == "code" for cell in notebook.cells)
        print(f"{name}: {cells} cells, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
