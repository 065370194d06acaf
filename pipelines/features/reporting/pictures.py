"""Still pictures for the UI's metadata, which shows Markdown images and runs no script: SVG as data addresses.

A heat map's cells are one tiny PNG inside the SVG: 2,809 rectangles would be 200 kB in the event log, this is 20 kB.
"""

import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.features.reporting.bins import Array
from pipelines.features.reporting.drift import MUCH, SOME

Pixels = NDArray[np.uint8]  # (H, W, 3)
RED, BLUE, AMBER, GREY = (209, 73, 91), (15, 111, 222), (251, 227, 192), (213, 218, 226)
CELL, LETTERS, HEAD = 11, 150, 130  # pixels: a cell, the names beside it, the names above it
INK = "#3a4252"


def correlation(found: Array, names: Sequence[str]) -> str:
    """Markdown image of rank correlations: red −1, white 0, blue +1, grey where nothing is said."""
    return _image("rank correlation of the features", heat_map(diverging(found), names, names, CELL))


def drift(found: pl.DataFrame, names: Sequence[str]) -> str:
    """Markdown image of PSI by month: white 0, amber from 0.1, red from 0.25, grey where nothing is said."""
    wide = found.pivot(on="month", index="name", values="psi", maintain_order=True)
    months = wide.columns[1:]
    values = wide.select(pl.col(months).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    return _image(
        "drift by month", heat_map(rising(values), names, months, max(CELL, 264 // max(1, len(months))))
    )


def importance(table: pl.DataFrame) -> str:
    """Markdown image of the bits of each feature, the most telling on top, with its floor as a red mark."""
    known = table.filter(pl.col("bits").is_not_null()).sort("bits", descending=True)
    if known.is_empty():
        return "nothing is said"
    most = known.select(pl.max_horizontal("bits", "floor").max()).item()
    full = 300 / max(most, 1e-9)  # pixels a bit
    parts = [
        f"<text x='{LETTERS - 4}' y='{i * CELL + 9}' text-anchor='end'>{escape(name)}</text>"
        f"<rect x='{LETTERS}' y='{i * CELL + 1}' width='{bits * full:.1f}' height='9' fill='rgb{BLUE}'/>"
        f"<rect x='{LETTERS + floor * full:.1f}' y='{i * CELL}' width='2' height='11' fill='rgb{RED}'/>"
        f"<text x='{LETTERS + 310}' y='{i * CELL + 9}'>{bits:.4f}</text>"
        for i, (name, bits, floor) in enumerate(known.select("name", "bits", "floor").iter_rows())
    ]
    return _image("mutual information, bits", _svg(LETTERS + 360, known.height * CELL, "".join(parts)))


def heat_map(cells: Pixels, down: Sequence[str], across: Sequence[str], width: int) -> str:
    """SVG of coloured cells with a name beside each row and above each column; `width` of a column in pixels."""
    high, wide = len(down) * CELL, len(across) * width
    address = f"data:image/png;base64,{b64encode(png(cells)).decode()}"
    beside = "".join(
        f"<text x='{LETTERS - 4}' y='{HEAD + i * CELL + 9}' text-anchor='end'>{escape(name)}</text>"
        for i, name in enumerate(down)
    )
    above = "".join(
        f"<text transform='translate({LETTERS + (i + 0.5) * width + 3:.1f} {HEAD - 4}) rotate(-90)'>"
        f"{escape(name)}</text>"
        for i, name in enumerate(across)
    )
    body = (
        f"<image x='{LETTERS}' y='{HEAD}' width='{wide}' height='{high}' preserveAspectRatio='none' "
        f"style='image-rendering:pixelated' href='{address}'/>{beside}{above}"
    )
    return _svg(LETTERS + wide + 8, HEAD + high, body)


def diverging(values: Array) -> Pixels:
    """Colours of values in [−1, 1]; grey for NaN."""
    share = np.abs(np.nan_to_num(values))[..., None]
    end = np.where((values < 0)[..., None], RED, BLUE)
    return _painted((1 - share) * 255 + share * end, values)


def rising(values: Array) -> Pixels:
    """Colours of PSI: white to pale amber up to 0.1, amber to red up to 0.25 and red beyond; grey for NaN."""
    found = np.nan_to_num(values)[..., None]
    low, high = np.clip(found / SOME, 0, 1), np.clip((found - SOME) / (MUCH - SOME), 0, 1)
    below = (1 - low) * 255 + low * np.array(AMBER)
    return _painted(
        np.where(found > SOME, (1 - high) * np.array((232, 163, 61)) + high * np.array(RED), below), values
    )


def png(cells: Pixels) -> bytes:
    """A PNG of 8-bit RGB pixels, without a library (ISO/IEC 15948: every row begins with filter 0)."""
    rows, columns = cells.shape[:2]
    raw = b"".join(b"\0" + row.tobytes() for row in cells)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def _painted(colours: NDArray[np.floating], values: Array) -> Pixels:
    painted: Pixels = np.where(np.isnan(values)[..., None], GREY, colours).round().astype(np.uint8)
    return painted


def _svg(width: int, height: int, body: str) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}' "
        f"font-family='system-ui, sans-serif' font-size='9' fill='{INK}'>"
        f"<rect width='{width}' height='{height}' fill='#fff'/>{body}</svg>"
    )


def _image(title: str, svg: str) -> str:
    return f"![{title}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"
