// The command `export`: the model of a checkpoint to hand on, without what only its training needs, in bfloat16.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>

#include "any_model.hpp"

namespace support {

/// `open` gives the model of a checkpoint. The metadata stay, but for those of the optimiser.
template <class Open>
void add_export(CLI::App& app, Open open) {
  struct Options {
    std::filesystem::path checkpoint, output;
  };
  auto* c = app.add_subcommand("export", "the model of a checkpoint in a small file, to hand on");
  auto o = std::make_shared<Options>();
  c->add_option("--checkpoint", o->checkpoint, "model.safetensors of a training")->required();
  c->add_option("--output", o->output, "file to write")->required();
  c->callback([o, open] {
    cnf::io::expect_writable(o->output);
    const auto model = open(o->checkpoint);
    cnf::io::CheckpointExtras extras{.metadata = cnf::io::SafetensorsReader(o->checkpoint).metadata(),
                                     .tensors = {}};
    std::erase_if(extras.metadata, [](const auto& entry) {
      return entry.first.starts_with("adam") || entry.first == "launch";
    });
    model->save(o->output, std::move(extras), cnf::DType::bf16);
    std::printf("%s: %ld parameters\n", o->output.c_str(), model->parameters());
  });
}

}  // namespace support
