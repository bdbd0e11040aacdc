"""The picture of a report in the README: `results/digits/report.html` in headless Chromium.

    python docs/pictures/report.py

needs Debian's package `chromium`.
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "results/digits/report.html"


def main() -> None:
    """Photograph the first screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 900, "height": 820})
        page.goto(REPORT.as_uri())
        page.screenshot(path=HERE / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
