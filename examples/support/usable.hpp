// Files, all tried before the first is used: what is wrong with any of them is told at once.
//
//   images = support::usable(std::move(images), [](const auto& path) { read_image(path); }, skip_bad);
#pragma once

#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "cnf/core/error.hpp"
#include "program.hpp"

namespace support {

/// Those for which check(item) throws no cnf::Error; on all cores. Others are an Error that names all of them, or, with
/// `skip_bad`, told and left out. None left: Error.
template <class Item, class Check>
std::vector<Item> usable(std::vector<Item> items, const Check& check, bool skip_bad) {
  std::vector<std::string> problems(items.size());
  at::parallel_for(0, std::int64_t(items.size()), 1, [&](std::int64_t first, std::int64_t last) {
    for (auto i = std::size_t(first); i < std::size_t(last) && !interrupted(); ++i) try {
        check(items[i]);
      } catch (const cnf::Error& error) {
        problems[i] = error.what();
      }
  });
  stop_if_interrupted();
  std::vector<Item> good;
  std::string all;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (problems[i].empty())
      good.push_back(std::move(items[i]));
    else if (skip_bad)
      std::printf("left out: %s\n", problems[i].c_str());
    else
      all += (all.empty() ? "" : "; ") + problems[i];
  }
  const auto bad = std::to_string(items.size() - good.size()) + " of " + std::to_string(items.size());
  if (skip_bad && good.size() < items.size()) std::printf("left out: %s images\n", bad.c_str());
  if (good.empty() || !all.empty())
    throw cnf::Error(items.size() == 1 && !all.empty() ? all
                     : all.empty() ? "none of " + std::to_string(items.size()) + " images can be used"
                                   : bad + " images can't be used (--skip-bad goes on without them): " + all);
  return good;
}

inline void add_skip_bad(CLI::App& command, bool& skip_bad) {
  command.add_flag("--skip-bad", skip_bad, "go on without images that can't be used, and say which");
}

}  // namespace support
