"""A picture of the asset graph of both locations: `python -m tests.browser.screenshot graph.png [settings.toml]`.

It starts the UI over an empty temporary world and opens the global lineage in Debian's Chromium. No data is made.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.dagster_ui import home, served

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WINDOW = {"width": 1600, "height": 1160}  # CSS pixels, drawn at twice the density
GROUPS = 7  # market, features, sequences, models, evidence, promotion, paper
ASSETS = ("minute_bars", "features", "boosted_trees", "timing", "paper_session")  # from both locations
MILLISECONDS = 30_000  # longest wait for any one thing on the page


def main(png: Path, settings: Path) -> None:
    """Save the picture to `png`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        overrides = {
            "TIDEMARK_SETTINGS": str(settings.resolve()),
            "TIDEMARK_PATHS__ROOT": str(root / "world"),
        }
        with served(home(root / "home"), overrides) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = browser.new_page(viewport=WINDOW, device_scale_factor=2)
            page.set_default_timeout(MILLISECONDS)
            lineage(page, address)
            page.screenshot(path=png)
            browser.close()


def lineage(page: Page, address: str) -> None:
    """Open the global lineage, give it the whole window, expand every group and wait until the graph stands still."""
    page.goto(f"{address}/asset-groups")
    boxes = page.locator("svg foreignObject")
    boxes.nth(GROUPS - 1).wait_for()
    page.get_by_role("button", name="Hide navigation").click()
    page.locator("input[placeholder^='Jump to']").locator(
        "xpath=following::button[1]"
    ).click()  # the list of groups
    page.keyboard.press("Alt+KeyE")  # expand all groups, and fit them into the window
    for asset in ASSETS:
        page.locator("svg foreignObject").filter(has_text=asset).first.wait_for()
    still = ""
    while (places := str([box.bounding_box() for box in boxes.all()])) != still:
        still = places
        page.wait_for_timeout(500)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "settings.toml"))
