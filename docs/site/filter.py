#!/usr/bin/env python3
"""Doxygen's input filter: reads a header as its readers do.

    filter.py FILE        prints the header with Doxygen's own marks

* The comment at the top of a header documents the file, the type that the header is named after, and whatever else it
  names.
* A comment after a member documents it. A comment above members documents all of them up to the next blank line.
* Names that mean the same everywhere are in NAMES.
* Operations of Eigen's backend are those of LibTorch's.
"""
import pathlib
import re
import sys

NAMES = {
    # what every spec says of itself (core/layer.hpp, nets/network.hpp, nets/extractor.hpp)
    "describe": "The spec as text, as it was written; checkpoints hold it.",
    "On": "What it does to shapes, as the contract asks (core/layer.hpp).",
    "Bound": "What it does to numbers on a backend, as the contract asks (core/layer.hpp).",
    "check": "The static_assert sentences of this spec; true.",
    "output": "The shape that it gives.",
    "latents": "The latents that it emits.",
    "valid": "Whether it accepts this input, without a message.",
    "volume_preserving": "Whether log|det| is 0.",
    "tiled": "Whether its networks run in tiles over large images.",
    "radius": "How far it looks, in pixels.",
    "parameters": "How many numbers it learns, or these.",
    "multiply_adds": "Per sample; 0 for dynamic shapes.",
    "takes": "Whether it takes such an input.",
    "first first_conv last inner middle head trunk down conv": "One of its convolutions.",
    "per_channel parameters_text coupling elementwise": "What a transform says of itself (transforms/transform.hpp).",
    "forward": "Data to latent.",
    "inverse": "Latent to data.",
    "backward": "Gradients.",
    "log_det": "log|det dy/dx|, nats per sample.",
    "log_scale": "The logarithm of the scale, or how it follows from what a network returned.",
    "log_slope": "log dy/dx, nats.",
    "log_prob": "Nats per sample.",
    "bits_per_dim": "Bits per dimension and what kind of number that is.",
    "encode": "The latents of a target.",
    "decode": "The target of latents.",
    "sample": "Draws targets; the same seed gives the same.",
    "first_nonfinite": "The path of the first layer whose output is not finite, or an empty text.",
    # sizes
    "n": "How many.",
    "count size": "How many.",
    "samples channels height width h w": "An extent of (N, C, H, W).",
    "area": "Pixels of a sample.",
    "sizes": "(N, C, H, W), or the sizes that a parameter has in LibTorch.",
    "rows": "Some samples of a batch.",
    "batch": "Samples in a step, or a function that gives them.",
    "kernel stride padding in out": "Of a convolution.",
    "weight weights bias biases": "Of a convolution or a linear map.",
    "features maps input target base extracted": "A part of the model, by the name that it has in the field.",
    "divisor": "What sizes are padded to multiples of.",
    "index level map": "Which one.",
    "device": "Where it is.",
    "dtype": "The element type.",
    "threads": "How many are used.",
    "path": "Of the file.",
    "values data": "The numbers.",
    "shape": "Its shape.",
    "shift scale": "Of an affine map.",
    "low high bins levels": "Of the interval, and how many parts it has.",
    # randomness
    "seed": "The same seed gives the same numbers.",
    "draws draw first_draw first_input stream kind": "Of the key of a noise (noise/noise.hpp).",
    # the rest
    "operator+ operator- operator* operator/ operator+= operator== operator": "As numbers have it.",
    "loss": "What training minimises.",
    "likelihood": "Exact, or a bound.",
    "logit": "log p / (1 - p).",
    "at": "One number.",
    "get": "The value.",
    "add": "One more.",
    "precision": "In which networks compute, or correct among the found.",
    "rank": "Which process this is, from 0.",
    "name": "By which it is known.",
    "pixels": "Their number.",
    "bound": "Of the logarithm of a scale.",
    "order": "Which channel of the input each channel of the output is.",
    "widths": "Of its layers.",
    "table": "A row for each part: shapes, parameters, multiply-adds.",
    "flow": "The flow.",
    "tile": "The side of the tiles, pixels; 0: chosen to fit.",
    "y": "What comes out.",
    "x": "What goes in.",
    "Tensor Parameter PerSample Numbers Module Vector Matrix Values Input Target Shape backend spec list":
        "The type that this has here.",
}
NAMES = {name: meaning for names, meaning in NAMES.items() for name in names.split()}
MEMBER = re.compile(r"(#define|static|using|template|struct|class|enum|friend|inline|constexpr|consteval|explicit|virtual|requires|operator|"
                    r"\[\[|~?[A-Za-z_:<>]+\(|[A-Za-z_][A-Za-z_0-9:<>, *&]* [A-Za-z_])")

SEVERAL = re.compile(r"\s+(?:static |constexpr |typename |long )*[\w:]+(?:<[^;()]*>)?(?:::\w+)?[&*]? \w+(?: = [^,;(){}]+)?(?:, \w+(?: = [^,;(){}]+)?)+;(\s+//.*)?$")


def main():
    path = pathlib.Path(sys.argv[1])
    lines = path.read_text().split("\n")
    top = next(i for i, line in enumerate(lines) if not line.startswith("//"))
    header = [("    " if line.startswith("//  ") else "") + line[2:].strip().replace("*/", "* /").replace("/*", "/ *")
              for line in lines[:top]]
    out = ["/** @file", *header, " */"]
    named = set(re.findall(r"\w+", " ".join(header)))
    group, indent = [], 0  # the comment that holds for the members after it, and how deep it stands
    documented = False     # by a comment before
    for i, line in enumerate(lines[top:], top):
        if SEVERAL.match(line):
            first, *others = re.sub(r"\s+//.*", "", line).rstrip(";").split(", ")
            type_ = first[:re.search(r"\w+(?: = .*)?$", first).start()]
            about = re.search(r"//[/<]*\s*(.*)|$", line)[1]
            if not about and lines[i - 1].strip().startswith("///"):
                about = lines[i - 1].strip()[4:]
            out += [f"{one};" + (f"  ///< {about}" if about else "") for one in (first, *(type_ + other for other in others))]
            documented = False
            continue
        text, depth = line.strip(), len(line) - len(line.lstrip())
        if re.match(r"//($|[^/])", text):
            if not re.match(r"\s*//($|[^/])", lines[i - 1]) or depth != indent:
                group, indent = [], depth
            group.append(text[3:])
            out.append("")
            continue
        if not text or depth < indent:
            group = []
        starts = depth <= 6 and MEMBER.match(text) and re.search(r"([;{}:]|^)$", code(lines[i - 1]).strip())
        if not documented and starts and not re.search(r"\s//", line):
            name, is_type = declared(lines, i)
            if is_type and pascal(path.stem) == name.lower().removeprefix("basic").removesuffix("spec"):
                out += ["/**", *header, " */"]
            elif group and depth == indent:
                out.append("/// " + " ".join(group))
            elif depth > 0 and name in NAMES:
                out.append("/// " + NAMES[name])
            elif depth > 0 and "/backend/eigen/" in str(path) and text.startswith(("static", "template")):
                out.append("/// As in the backend of LibTorch.")
            elif depth == 0 and name in named:
                out.append("/// The head of this header explains it.")
        documented = text.startswith("///") or ((starts or documented) and text.startswith("template") and not text.endswith((";", "}")))
        out.append(re.sub(r"([;{,])\s+// ", r"\1  ///< ", line))
    out = [re.sub(r"<(?=[A-Za-z/])", r"\\<", line) if re.match(r"\s*///", line) or line in header and line[:4] != "    " else line
           for line in out]
    sys.stdout.write("\n".join(out))


def code(line):
    return re.sub(r"//.*", "", line)


def pascal(stem):
    return stem.replace("_", "")


def declared(lines, i):
    """The name that is declared from line i on, and whether it is a type's."""
    text = " ".join(code(line).strip() for line in lines[i:i + 6])
    while text.startswith("template"):  # over the balanced angle brackets
        depth, end = 0, text.index("<")
        for end in range(end, len(text)):
            depth += {"<": 1, ">": -1}.get(text[end], 0)
            if depth == 0:
                break
        text = text[end + 1:].strip()
        text = re.sub(r"^requires [^{;]*?(?= (?:struct|class|static|using|inline|friend|\w+ \w+\())", "", text).strip()
    if m := re.match(r"(?:struct|class|enum class|concept|enum) (\w+)", text):
        return m[1], True
    if m := re.match(r"#define (\w+)", text):
        return m[1], False
    if m := re.match(r"using (\w+) =", text):
        return m[1], True
    head = re.split(r"[;={]| : ", text.replace("operator==", "operatorEQ").replace("operator=", "operatorAS"))[0]
    head = head.replace("operatorEQ", "operator==")
    if m := re.search(r"(operator\s*[^\s(]+|~?\w+)\s*\(", head):
        return m[1], False
    words = re.findall(r"[A-Za-z_]\w*", head.split(",")[0])
    return (words[-1] if words else ""), False


main()
