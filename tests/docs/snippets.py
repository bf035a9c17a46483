#!/usr/bin/env python3
"""The blocks of code in the pages, as sources that the tests compile and run.

    snippets.py SOURCE OUT PAGE...      SOURCE: the repository; pages are relative to it

A comment above a block of C++ says how it is meant:

    <!-- declarations -->           at namespace scope
    <!-- statements: SETUP -->      in a function that a test runs, after SETUP, which the reader need not see
    <!-- same as: FILE -->          literally a part of FILE, which is tested by itself (other languages, too)

A block of CMake is a part of a project, which is built. A block with a `main` is a program, which must end with 0. A line
that ends in "// does not compile:" is left out; that it does not, and that the compiler says what the comment below it says,
is a test of its own.

Writes into OUT: a source for each page that has blocks, one for each program, one for each line that must fail, a folder for
each project; and snippets.cmake, which names them. A block that can't be understood ends this with one sentence.
"""
import pathlib
import re
import sys

FENCE = re.compile(r"(?:<!-- (.*?) -->\n)?```(\w+)\n(.*?)```\n", re.S)
WRONG = re.compile(r"(.*?\S) *// does not compile:?$")


def main():
    source, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    pages, programs, failing, projects = [], [], [], []
    for page in sys.argv[3:]:
        text = (source / page).read_text()
        if left := re.search(r"^[A-Z_]{6,}$", re.sub(r"```.*?```", "", text, flags=re.S), re.M):
            sys.exit(f"{page}: expected text, got what was to be filled in: {left[0]}")
        name = re.sub(r"\W", "_", page.removesuffix(".md"))
        parts, includes = [], []
        for match in FENCE.finditer(text):
            mark, language, code = match[1] or "", match[2], match[3]
            line = text.count("\n", 0, match.start(3)) + 1
            where = f"{page}:{line}"
            if mark.startswith("same as: "):
                expect_same(source / mark.removeprefix("same as: "), code, where)
                continue
            if language == "cmake":
                projects.append(project(out / f"{name}_{line}", code))
            if language != "cpp":
                continue
            if re.search(r"^int main\(", code, re.M):
                programs.append(write(out / f"{name}_{line}.cpp", f'#line {line} "{source / page}"\n{code}'))
                continue
            if not re.match(r"declarations$|statements\b", mark):
                sys.exit(f"{where}: expected <!-- declarations --> or <!-- statements --> above a block of C++, got {mark or 'nothing'}")
            good, wrong = divided(code)
            headers = re.findall(r"^#include .*$", code, re.M)
            includes += headers
            body = scoped(mark, good, where, name, line)
            parts.append(f'#line {line} "{source / page}"\n{body}')
            for number, (bad, expected) in enumerate(wrong):
                lines = [f"// expect: {text}" for text in expected] + headers
                twin = f"{good}\n#ifndef CNF_PASSING_TWIN\n{bad}\n#endif\n"
                lines.append(scoped(mark, twin, where, name, line, runs=False))
                failing.append(write(out / f"{name}_{line}_{number}_fails.cpp", "\n".join(lines)))
        if parts:
            head = "\n".join(dict.fromkeys(includes + ['#include "support/doctest.hpp"']))
            head += '\n#pragma GCC diagnostic ignored "-Wunused-local-typedefs"  // what a page shows, it needs not use'
            head += '\n#pragma GCC diagnostic ignored "-Wunused-variable"\n#pragma GCC diagnostic ignored "-Wunused-but-set-variable"'
            pages.append(write(out / f"{name}.cpp", head + "\n" + "\n".join(parts)))
    listed = [("snippet_pages", pages), ("snippet_programs", programs), ("snippet_failing", failing),
              ("snippet_projects", projects)]
    write(out / "snippets.cmake", "".join(f"set({key} {' '.join(map(str, files))})\n" for key, files in listed))


def project(folder, code):
    """A project whose program my_program has this block."""
    folder.mkdir(exist_ok=True)
    write(folder / "main.cpp", "#include <cnf/core.hpp>\n\nint main() {}\n")
    head = "cmake_minimum_required(VERSION 3.25)\nproject(docs LANGUAGES CXX)\nadd_executable(my_program main.cpp)\n"
    write(folder / "CMakeLists.txt", head + code)
    return folder


def expect_same(file, code, where):
    def plain(text):
        return re.sub(r"\s+", " ", re.sub(r"//.*", "", text)).strip()
    if plain(code) not in plain(file.read_text()):
        sys.exit(f"{where}: expected a part of {file.name}, as the comment above it says, got something else")


def divided(code):
    """The block without the lines that must not compile; these, each with what the compiler must say."""
    good, wrong, lines = [], [], code.split("\n")
    i = 0
    while i < len(lines):
        if bad := WRONG.match(lines[i]):
            said = []
            i += 1
            while i < len(lines) and lines[i].startswith("// "):
                said.append(lines[i][3:])
                i += 1
            wrong.append((bad[1], expected_of(said)))
            good.append("")
        else:
            good.append(lines[i])
            i += 1
    return "\n".join(good), wrong


def expected_of(said):
    """The sentence, and the names of the place up to the first dots."""
    message, _, place = " ".join(said).partition(" required from struct ")
    texts = [message.removeprefix("error: static assertion failed: ")]
    if place:
        texts.append(place.split("...")[0].rstrip(" ,"))
    return texts


def scoped(mark, code, where, name, line, runs=True):
    code = re.sub(r"^(#include .*|using namespace cnf;)$", "", code, flags=re.M)
    space = f"{name}_{line}"
    if mark == "declarations" and not runs:
        return f"using namespace cnf;\n{code}\n"
    if mark == "declarations":
        return f"namespace {space} {{\nusing namespace cnf;\n{code}\n}}\n"
    setup = mark.removeprefix("statements").lstrip(": ")
    head = f'TEST_CASE("{where}")' if runs else f"[[maybe_unused]] void {space}()"
    return f"{head} {{\nusing namespace cnf;\n{setup}\n{code}\n}}\n"


def write(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


main()
