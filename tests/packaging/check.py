#!/usr/bin/env python3
"""What can be checked of packages where their tools are not.

    check.py versions SOURCE        every place that names the version names the same
    check.py conan SOURCE OUT       runs the steps of the Conan recipe with a stand-in for the parts of Conan that it uses;
                                    OUT/package/include is what a user would get
    check.py schema SOURCE          vcpkg.json has the keys that vcpkg's schema asks for
"""
import importlib.util
import json
import pathlib
import re
import shutil
import sys
import types


def versions(source):
    places = {
        "CMakeLists.txt": r"VERSION (\d+\.\d+\.\d+)\n",
        "include/cnf/version.hpp": r'CNF_VERSION "([^"]+)"',
        "CITATION.cff": r"^version: (\S+)",
        "CHANGELOG.md": r"^## (\d+\.\d+\.\d+)",
        "packaging/vcpkg/cnf/vcpkg.json": r'"version": "([^"]+)"',
        "packaging/conan/conanfile.py": r'version = "([^"]+)"',
        "packaging/debian/changelog": r"^cnf \(([^)]+)\)",
    }
    found = {}
    for place, pattern in places.items():
        match = re.search(pattern, (source / place).read_text(), re.M)
        found[place] = match[1] if match else "none"
    short = ".".join(found["CMakeLists.txt"].split(".")[:2])
    for page in ("README.md", "docs/using.md"):
        for asked in re.findall(r"find_package\(cnf (\S+)", (source / page).read_text()):
            found[f"{page}, find_package"] = found["CMakeLists.txt"] if asked == short else asked
    if len(set(found.values())) != 1:
        sys.exit("expected one version, got " + ", ".join(f"{version} in {place}" for place, version in found.items()))


class Settings:
    """Takes whatever is set."""

    def __init__(self):
        self.components = {}

    def set_property(self, name, value):
        setattr(self, name, value)


class Components(dict):
    def __missing__(self, name):
        self[name] = Settings()
        return self[name]


def conan(source, out):
    def copy(_, pattern, src, dst):
        for path in pathlib.Path(src).resolve().glob(pattern + ("*/*" if pattern.endswith("*") else "")):
            if path.is_file():
                to = pathlib.Path(dst) / path.relative_to(pathlib.Path(src).resolve())
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)

    modules = {"conan": {"ConanFile": object}, "conan.tools": {}, "conan.tools.files": {"copy": copy}}
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module
    spec = importlib.util.spec_from_file_location("conanfile", source / "packaging/conan/conanfile.py")
    recipe_module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe_module)
    shutil.rmtree(out, ignore_errors=True)
    recipe = recipe_module.Cnf()
    recipe.recipe_folder = str(source / "packaging/conan")
    recipe.export_sources_folder = recipe.source_folder = str(out / "source")
    recipe.package_folder = str(out / "package")
    recipe.options = types.SimpleNamespace(**recipe.default_options)
    wanted = []
    recipe.requires = wanted.append
    recipe.cpp_info = Settings()
    recipe.cpp_info.components = Components()
    recipe.export_sources()
    recipe.requirements()
    recipe.package()
    recipe.package_info()
    for file in ("include/cnf/eigen.hpp", "include/cnf/backend/eigen/backend.hpp", "licenses/LICENSE"):
        if not (out / "package" / file).exists():
            sys.exit(f"expected {file} in the package")
    names = [reference.split("/")[0] for reference in wanted]
    for component in recipe.cpp_info.components.values():
        for required in getattr(component, "requires", []):
            if required.split("::")[0] not in names + ["core"]:
                sys.exit(f"expected a requirement for {required}, got {names}")


def schema(source):
    port = json.loads((source / "packaging/vcpkg/cnf/vcpkg.json").read_text())
    identifier = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*$")
    known = {"name", "version", "description", "license", "dependencies", "default-features", "features"}
    features = port["features"]
    dependencies = port["dependencies"] + [d for f in features.values() for d in f["dependencies"]]
    names = [d if isinstance(d, str) else d["name"] for d in dependencies] + list(features) + [port["name"]]
    wrong = [key for key in port if key not in known] + [name for name in names if not identifier.match(name)]
    wrong += [name for name in port["default-features"] if name not in features]
    wrong += [name for name, feature in features.items() if set(feature) - {"description", "dependencies", "supports"}]
    if wrong:
        sys.exit(f"expected vcpkg's keys and names, got {wrong}")


source = pathlib.Path(sys.argv[2]).resolve()
{"versions": lambda: versions(source), "schema": lambda: schema(source),
 "conan": lambda: conan(source, pathlib.Path(sys.argv[3]))}[sys.argv[1]]()
