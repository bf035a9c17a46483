// What `--version` says of a program: the library's version, those of what it runs on, and the devices that it can use.
#pragma once

#include <CLI/CLI.hpp>

namespace support {

/// Adds the option; its first line is "NAME (cnf) VERSION".
void add_version(CLI::App& app);

}  // namespace support
