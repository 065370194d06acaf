"""The still pictures: a valid PNG inside valid SVG inside Markdown, coloured as the values say."""

import struct
import zlib
from base64 import b64decode
from xml.etree import ElementTree

import numpy as np
import polars as pl

from pipelines.features.reporting import pictures
from pipelines.features.reporting.drift import DRIFT

SVG = "{http://www.w3.org/2000/svg}"


def svg(markdown: str) -> ElementTree.Element:
    head, _, rest = markdown.partition("](data:image/svg+xml;base64,")
    assert head.startswith("![")
    return ElementTree.fromstring(b64decode(rest.removesuffix(")")).decode())


def pixels(png: bytes) -> np.ndarray:
    """A reader of its own: chunks, checksums, filter 0."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, size = 8, b"", (0, 0)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(size[1], 1 + 3 * size[0])
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(size[1], size[0], 3)


def cells(root: ElementTree.Element) -> np.ndarray:
    (image,) = root.iter(f"{SVG}image")
    return pixels(b64decode(image.attrib["href"].removeprefix("data:image/png;base64,")))


def texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def test_correlations_are_red_white_blue_and_grey() -> None:
    root = svg(pictures.correlation(np.array([[1.0, -1.0], [0.0, np.nan]]), ["a", "b<c"]))
    assert cells(root).tolist() == [[[15, 111, 222], [209, 73, 91]], [[255, 255, 255], [213, 218, 226]]]
    assert texts(root) == ["a", "b<c", "a", "b<c"]


def test_drift_is_white_amber_red_and_grey_by_month() -> None:
    rows = [
        ("2026-01", "a", 0.0, None),
        ("2026-02", "a", 0.0, 0.0),
        ("2026-03", "a", 0.0, 0.1),
        ("2026-04", "a", 0.0, 9.0),
    ]
    root = svg(pictures.drift(pl.DataFrame(rows, schema=DRIFT, orient="row"), ["a"]))
    assert cells(root).tolist() == [[[213, 218, 226], [255, 255, 255], [251, 227, 192], [209, 73, 91]]]
    assert texts(root) == ["a", "2026-01", "2026-02", "2026-03", "2026-04"]


def test_importance_is_a_bar_and_a_mark_per_feature_the_most_telling_first() -> None:
    table = pl.DataFrame({"name": ["a", "b", "c"], "bits": [0.1, 0.2, None], "floor": [0.05, 0.4, None]})
    root = svg(pictures.importance(table))
    assert texts(root) == ["b", "0.2000", "a", "0.1000"]
    widths = [float(one.attrib["width"]) for one in root.iter(f"{SVG}rect")][1:]
    assert widths == [150.0, 2.0, 75.0, 2.0]  # of 300, which is the largest floor


def test_no_importance_is_said_in_words() -> None:
    nothing = pl.DataFrame(
        {"name": ["a"], "bits": [None], "floor": [None]}, schema_overrides={"bits": pl.Float64}
    )
    assert pictures.importance(nothing) == "nothing is said"
