#!/usr/bin/env python3
"""Every link of the pages, and of the site, leads somewhere; every name in the headers is explained.

    check.py pages SOURCE PAGE...       links of Markdown to files and headings
    check.py site HTML WARNINGS         links of the site, and what Doxygen had to say

Prints what is wrong, a line each, and ends with 1.
"""
import html.parser
import pathlib
import re
import sys
import urllib.parse

from page import slug


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def pages(source, names):
    for name in names:
        path = source / name
        for m in re.finditer(r"\[[^\]]*\]\(([^)\s]+)\)", without_code(path.read_text())):
            if re.match(r"\w+:", m[1]):
                continue
            file, _, anchor = m[1].partition("#")
            there = path.parent / file if file else path
            if not there.exists():
                yield f"{name}: no such file: {m[1]}"
            elif anchor and anchor not in map(slug, re.findall(r"^#+ (.*)$", there.read_text(), re.M)):
                yield f"{name}: no such heading: {m[1]}"


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed(path.read_text(errors="replace"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


def site(folder, warnings):
    for line in warnings.read_text().splitlines():
        # of a template that is its own base, which is what makes it a list
        if line.strip() and "recursive class relation" not in line:
            yield line
    known = {path.name: Page(path) for path in folder.glob("*.html")}
    for name, page in sorted(known.items()):
        for target in page.links:
            file, _, anchor = urllib.parse.unquote(target).partition("#")
            if re.match(r"\w+:", file):
                continue
            if file and not (folder / file).exists():
                yield f"{name}: no such file: {target}"
            elif anchor == "nested-classes":
                continue  # Doxygen's own, to private classes that it leaves out
            elif anchor and (file or name) in known and anchor not in known[file or name].ids:
                yield f"{name}: no such place: {target}"


def main():
    if sys.argv[1] == "pages":
        wrong = list(pages(pathlib.Path(sys.argv[2]), sys.argv[3:]))
    else:
        wrong = list(site(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])))
    print("\n".join(wrong) or "every link leads somewhere")
    sys.exit(bool(wrong))


main()
