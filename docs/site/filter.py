#!/usr/bin/env python3
"""Doxygen's input filter: reads a header as its readers do.

    filter.py FILE        prints the header with Doxygen's own marks

* The comment at the top of a header documents the file and the type that the header is named after. Of what else it names,
  the sentence that does.
* A comment after a member documents it. A comment above members documents all of them up to the next blank line.
* What every spec says of itself has the meaning that its contract gives it: NAMES.
* Operations of Eigen's backend are those of LibTorch's.
"""
import pathlib
import re
import sys

SPECS = ("layers", "nets", "compose", "dequantize", "densities", "transforms")  # folders of specs; and some of model/
NAMES = {
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
    "parameters": "How many numbers it learns.",
    "multiply_adds": "Per sample; 0 for dynamic shapes.",
    "takes": "Whether it takes such an input.",
    "first last inner middle head trunk down conv": "The shape of one of its convolutions.",
    "per_channel": "Raw parameters of a channel.",
    "parameters_text": "Its arguments as text.",
    "coupling elementwise": "What a layer of this transform is called.",
    "forward": "Data to latent.",
    "inverse": "Latent to data.",
    "log_scale": "log s as a function of what a network returned.",
    "log_prob": "Nats per sample.",
    "bits_per_dim": "Bits per dimension and what kind of number that is.",
    "sample": "Draws targets; the same seed gives the same.",
    "loss": "What training minimises, per pixel.",
    "logit": "log p / (1 - p) of a pixel.",
    "likelihood": "Exact, or a bound.",
    "target input features flow base extracted maps": "A part of the model, by the name that it has in the field.",
    "divisor": "What sizes are padded to multiples of.",
    "table": "A row for each part: shapes, parameters, multiply-adds.",
    "order": "Which channel of the input each channel of the output is.",
    "widths": "Of its layers.",
    "levels": "How many values a target has.",
    "bound": "Of |log s|.",
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
        starts = depth <= 4 and not inside_body(lines, i) and MEMBER.match(text) and re.search(r"([;{}:]|^)$", code(lines[i - 1]).strip())
        if not documented and starts and not re.search(r"\s//", line):
            name, is_type = declared(lines, i)
            if is_type and path.stem.replace("_", "") == name.lower().removeprefix("basic").removesuffix("spec"):
                out += ["/**", *header, " */"]
            elif group and depth == indent:
                out.append("/// " + " ".join(group))
            elif re.match(r"operator[-+*/]?=?$|operator==$", name):
                out.append("/// Member by member." if name == "operator==" else "/// As numbers have it.")
            elif depth in (2, 4) and name in NAMES and (is_type or is_spec(path)):
                out.append("/// " + NAMES[name])
            elif depth > 0 and "/backend/eigen/" in str(path) and text.startswith(("static", "template")):
                out.append("/// As in the backend of LibTorch.")
            elif depth == 0 and (sentence := sentence_about(name, header)):
                out.append(f"/// {sentence}")
        documented = text.startswith("///") or ((starts or documented) and text.startswith("template") and not text.endswith((";", "}")))
        out.append(re.sub(r"([;{,]|^#define \w+ \w+)\s+// ", r"\1  ///< ", line))
    comments = {line for line in header if line[:4] != "    "}
    out = [escaped(line) if re.match(r"\s*///", line) or line in comments else line for line in out]
    sys.stdout.write("\n".join(out))


def escaped(line):
    """Without what Doxygen would take for HTML, but for code in backticks."""
    return "`".join(part if i % 2 else re.sub(r"<(?=[A-Za-z/])", r"\\<", part) for i, part in enumerate(line.split("`")))


def is_spec(path):
    return path.parent.name in SPECS or re.match(r"(conditional_|unconditional_|factorised_|layer\.|torch_net)", path.name)


def sentence_about(name, header):
    """The first sentence of the head that begins with the name, or has it in its code."""
    text = " ".join(line if line[:4] != "    " else "." for line in header)
    for sentence in re.split(r"(?<=[.:;])\s+", text):
        if re.match(rf"(?:\S+ )?{re.escape(name)}\b", sentence) and len(sentence.split()) > 3:
            return sentence.strip().rstrip(":;") + ("" if sentence.rstrip().endswith(".") else ".")
    lines = [line.strip() for line in header if line[:4] == "    " and re.search(rf"\b{re.escape(name)}\b", line)]
    return f"`{lines[0]}`" if lines else None


def code(line):
    return re.sub(r"//.*", "", line)


def inside_body(lines, i):
    """Whether line i is a statement: the nearest line above that is less deep opens a function."""
    depth = len(lines[i]) - len(lines[i].lstrip())
    if depth == 0:
        return False
    for k in range(i - 1, -1, -1):
        text = lines[k].strip()
        if text and not text.startswith(("//", "#", "public", "private", "protected")):
            if len(lines[k]) - len(lines[k].lstrip()) < depth:
                return not re.search(r"\b(struct|class|namespace|enum|union)\b", opener(lines, k))
    return False


def opener(lines, i):
    """The declaration whose brace stands on line i."""
    first = i
    while first > 0 and not re.search(r"[;}]\s*$|^\s*$|^\s*//", code(lines[first - 1])) and not lines[first - 1].strip().endswith("{"):
        first -= 1
    return " ".join(lines[first:i + 1])


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
