#!/usr/bin/env python3
"""Doxygen's input filter for the pages: links and anchors as GitHub has them become Doxygen's.

    page.py FILE
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def is_part(part, whole):
    """The guide's pages are the guide's, models' cards those of the programs."""
    return (whole == "page_docs_index" and part.startswith("page_docs_")) or (
        whole == "page_docs_programs" and part.startswith("page_examples_"))


def slug(title):
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def page_id(path):
    path = path.resolve().relative_to(ROOT).with_suffix("")
    return "index" if str(path) == "README" else "page_" + re.sub(r"\W", "_", str(path)).lower()


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    me, fenced, lines = page_id(path), False, []
    for line in re.sub(r"<!-- .*? -->\n", "", path.read_text()).split("\n"):
        if line.startswith("```"):
            fenced = not fenced
            line = line.replace("```cpp", "```{.cpp}").replace("```cmake", "```{.cmake}").replace("```python", "```{.py}")
            line = line.replace("```sh", "```{.sh}")
        elif not fenced:
            if m := re.match(r"(#+) (.*)", line):
                if len(m[1]) == 1:
                    line = line.replace("`", "")  # a title is plain text
                anchor = me if len(m[1]) == 1 else f"{me}-{slug(m[2])}"
                if anchor != "index":
                    line += f" {{#{anchor}}}"
            line = re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", lambda m: link(path, me, *m.groups()), line)
        lines.append(line)
    print("\n".join(lines))


def link(path, me, bang, text, target):
    if re.match(r"\w+:", target):
        return f"[{text}]({target})"
    file, _, anchor = target.partition("#")
    there = path.parent / file if file else path
    if bang:
        return f"![{text}]({there.resolve().relative_to(ROOT)})"
    if there.suffix != ".md":
        return text if text.startswith("`") else f"`{text}`"
    if is_part(page_id(there), me) and not anchor:
        return f'@subpage {page_id(there)} "{text}"'
    return f"[{text}](@ref {page_id(there)}{'-' + anchor if anchor else ''})"


if __name__ == "__main__":
    main()
