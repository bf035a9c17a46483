#include "support/export.hpp"

#include "commands.hpp"
#include "model.hpp"

namespace super_resolution {

void add_export(CLI::App& app) {
  support::add_export(app,
                      [](const std::filesystem::path& checkpoint) { return open_model(checkpoint, {}); });
}

}  // namespace super_resolution
