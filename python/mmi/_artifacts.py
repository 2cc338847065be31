"""Files that a generation wrote, as a notebook shows them."""

import base64
import html
from dataclasses import dataclass
from pathlib import Path

_EMBED_BYTES = 20_000_000
_ELEMENTS = {
    ".wav": ("audio/wav", '<audio controls src="{url}"></audio>'),
    ".mp3": ("audio/mpeg", '<audio controls src="{url}"></audio>'),
    ".flac": ("audio/flac", '<audio controls src="{url}"></audio>'),
    ".mp4": ("video/mp4", '<video controls style="max-width:100%" src="{url}"></video>'),
    ".png": ("image/png", '<img style="max-width:100%" src="{url}">'),
    ".jpg": ("image/jpeg", '<img style="max-width:100%" src="{url}">'),
    ".svg": ("image/svg+xml", '<img style="max-width:100%" src="{url}">'),
}


@dataclass(frozen=True)
class Artifact:
    """A file and what it shows; a notebook plays or draws it."""

    path: Path
    caption: str

    def _repr_html_(self) -> str:
        caption = html.escape(f"{self.caption} ({self.path.name})")
        known = _ELEMENTS.get(self.path.suffix.lower())
        if known and self.path.exists() and self.path.stat().st_size <= _EMBED_BYTES:
            kind, element = known
            data = base64.b64encode(self.path.read_bytes()).decode()
            shown = element.format(url=f"data:{kind};base64,{data}")
        else:
            place = html.escape(str(self.path), quote=True)
            shown = f'<a href="{place}">{place}</a>'
        return f"<figure><div>{shown}</div><figcaption>{caption}</figcaption></figure>"


class Artifacts(list[Artifact]):
    """All files of one generation."""

    def find(self, ending: str) -> Artifact:
        """The first file with this ending: `files.find(".wav")`."""
        for artifact in self:
            if artifact.path.suffix == ending:
                return artifact
        raise KeyError(f"no {ending} among {[artifact.path.name for artifact in self]}")

    def _repr_html_(self) -> str:
        return "\n".join(artifact._repr_html_() for artifact in self)
