# conan create packaging/conan        a package of this clone, for Conan 2
import os

from conan import ConanFile
from conan.tools.files import copy


class Cnf(ConanFile):
    name = "cnf"
    version = "0.2.0"
    description = "Conditional normalizing flows as C++20 types, checked by the compiler"
    license = "MIT"
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"eigen": [True, False]}
    default_options = {"eigen": True}
    no_copy_source = True

    def export_sources(self):
        clone = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("LICENSE", "include/*"):
            copy(self, pattern, clone, self.export_sources_folder)

    def requirements(self):
        if self.options.eigen:
            self.requires("eigen/[>=3.4 <6]")
            self.requires("nlohmann_json/[>=3.10 <4]")

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "include/*", self.source_folder, self.package_folder)

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "cnf")
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "cnf::core")
        core.bindirs = core.libdirs = []
        if self.options.eigen:
            eigen = self.cpp_info.components["eigen"]
            eigen.set_property("cmake_target_name", "cnf::eigen")
            eigen.requires = ["core", "eigen::eigen", "nlohmann_json::nlohmann_json"]
            eigen.bindirs = eigen.libdirs = []
