#include "support/export.hpp"

#include "commands.hpp"
#include "model.hpp"

namespace vessel_segmentation {

void add_export(CLI::App& app) {
  support::add_export(app,
                      [](const std::filesystem::path& checkpoint) { return open_model(checkpoint, {}); });
}

}  // namespace vessel_segmentation
