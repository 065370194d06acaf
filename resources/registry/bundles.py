"""Bundles on disk, addressed by their sha256. What a bundle means is `pipelines.promotion.bundle`."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import BadBundle
from pipelines.promotion.pointer import SHA256
from resources.registry import durable

MANIFEST = "MANIFEST.json"
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


class Bundles:
    """Saving and loading of bundles as plain files; every byte is checked on the way back."""

    root: Path

    def save(self, files: Mapping[str, bytes], sha256: str) -> Path:
        """Store a bundle under its content address and return its folder; an intact one already there stays.

        Raises BadBundle for a bad address or file name, and when what is already there is damaged.
        """
        folder = self._bundle_folder(sha256)
        for name in files:
            if not FILE_NAME.fullmatch(name) or name == MANIFEST:
                raise BadBundle(
                    f"file name {name!r} is not allowed in a bundle: expected one like model.txt."
                )
        if not files:
            raise BadBundle(f"bundle {sha256} is empty: expected files, found none.")
        manifest = {MANIFEST: _manifest(files, sha256)}
        if not durable.create_folder(folder, {**files, **manifest}, MANIFEST):
            self.load(sha256)
        return folder

    def load(self, sha256: str) -> dict[str, bytes]:
        """The files of a bundle, each read once.

        Raises BadBundle when it is not there, or when a file is missing, strange, linked or changed.
        """
        folder = self._bundle_folder(sha256)
        durable.refuse_links(self.root, folder)
        try:
            content = {path.name: durable.read(path) for path in sorted(folder.iterdir())}
        except OSError as error:
            raise BadBundle(
                f"bundle {sha256[:12]} cannot be read: expected the folder {folder}, found {error};"
                " save it again."
            ) from error
        stated = content.pop(MANIFEST, b"")
        if stated != _manifest(content, sha256):
            raise BadBundle(
                f"bundle {sha256} is damaged: expected the files of its manifest, found"
                f" {_difference(stated, content)}; restore it from a backup."
            )
        return content

    def _bundle_folder(self, sha256: str) -> Path:
        if not SHA256.fullmatch(sha256):
            raise BadBundle(
                f"bundle address {sha256!r} is no sha256: expected 64 hexadecimal digits; correct it."
            )
        return self.root / "bundles" / sha256


def _manifest(files: Mapping[str, bytes], sha256: str) -> bytes:
    rows = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    return json.dumps({"bundle": sha256, "files": rows}, sort_keys=True, indent=1).encode()


def _difference(stated: bytes, content: Mapping[str, bytes]) -> str:
    """Names of the files that differ from a manifest."""
    try:
        expected = json.loads(stated)["files"]
    except (ValueError, KeyError, TypeError):
        return f"no readable {MANIFEST}"
    found = json.loads(_manifest(content, ""))["files"]
    changed = [n for n in sorted(expected.keys() | found.keys()) if expected.get(n) != found.get(n)]
    return f"other contents in {', '.join(changed) or MANIFEST}"
