"""Pictures in files: SVG as it is, PNG and PDF through CairoSVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import MissingError, UnsupportedError

__all__ = ["Picture", "converted", "save"]

SCALE = 2.0  # pixels of a PNG for each unit
MOST_PIXELS = 30_000  # along an edge; Cairo's limit is 32,767
MISSING = "saving pictures as .png or .pdf needs CairoSVG ({error}): pip install 'tinygrad_sm[images]'"


class Picture:
    """What has an SVG, and so can be saved and shown in a notebook; its str is its text."""

    def svg(self) -> str:
        """The picture in SVG."""
        raise NotImplementedError

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file: .svg, .png or .pdf. Returns the path.

        Raises UnsupportedError for another kind of file, MissingError where CairoSVG is needed and missing.
        """
        return save(self.svg(), path)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows."""
        return {"image/svg+xml": self.svg(), "text/plain": str(self)}


def save(svg: str, path: str | Path) -> Path:
    """Write an SVG to a file of the kind that its name says."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".svg":
        path.write_text(svg, encoding="utf-8")
    elif suffix in (".png", ".pdf"):
        path.write_bytes(converted(svg, suffix))
    else:
        raise UnsupportedError(f"a picture is not saved as {path.name!r}; use one of .svg, .png, .pdf")
    return path


def converted(svg: str, suffix: str) -> bytes:
    """An SVG as PNG or PDF, in its light colours.

    Raises MissingError where CairoSVG is missing.
    """
    try:
        import cairosvg
    except (ImportError, OSError) as error:  # OSError: without the library Cairo itself
        raise MissingError(MISSING.format(error=error)) from None
    if suffix == ".pdf":
        return bytes(cairosvg.svg2pdf(bytestring=svg.encode()))
    longest = max(float(x) for x in svg.split('viewBox="', 1)[1].split('"', 1)[0].split()[2:])
    return bytes(cairosvg.svg2png(bytestring=svg.encode(), scale=min(SCALE, MOST_PIXELS / longest)))
