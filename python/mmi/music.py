"""Notes, piano rolls, MIDI files and sound."""

from mmi._mmi import (
    Note,
    key_name,
    notes_to_roll,
    read_notes,
    render,
    roll_to_notes,
    write_notes,
)

__all__ = [
    "Note",
    "key_name",
    "notes_to_roll",
    "read_notes",
    "render",
    "roll_to_notes",
    "write_notes",
]
