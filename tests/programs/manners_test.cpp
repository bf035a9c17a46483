// What every program answers whatever it computes: versions, help, exit status, colours, and completion in a shell.
#include <fmt/format.h>
#include <torch/version.h>
#include <Eigen/Core>

#include "cnf/version.hpp"
#include "support/doctest.hpp"
#include "support/files.hpp"
#include "support/run.hpp"

namespace {

const std::vector<std::string> trained{"super_resolution", "vessel_segmentation"};

std::string program(const std::string& name) { return std::string(CNF_BIN_DIR) + "/" + name; }

/// What bash offers after these words of a command line, the last of which is being typed.
std::vector<std::string> offered(const std::string& name, const std::vector<std::string>& words) {
  std::string line = fmt::format("source <('{}' completion bash) && COMP_WORDS=(", program(name));
  for (const auto& word : words) line += "'" + word + "' ";
  line +=
      fmt::format(") COMP_CWORD={} && _{} && printf '%s\\n' \"${{COMPREPLY[@]}}\"", words.size() - 1, name);
  const auto done = run({"/bin/bash", "-c", line});
  CAPTURE(done.err);
  CHECK(done.err.empty());
  std::vector<std::string> all;
  std::string rest = done.out;
  for (std::size_t end = 0; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1))
    if (end > 0) all.push_back(rest.substr(0, end));
  return all;
}

}  // namespace

TEST_CASE("--version names the versions of the program and of what it runs on, and the devices") {
  for (const auto& name : trained) {
    const auto done = run({program(name), "--version"});
    CHECK(done.status == 0);
    CHECK(done.out.starts_with(name + " (cnf) " CNF_VERSION "\n"));
    CHECK(contains(done.out, "LibTorch " TORCH_VERSION ", Eigen "));
    CHECK(contains(done.out, "\ndevices: cpu ("));
  }
  const auto done = run({program("deploy"), "--version"});
  CHECK(done.status == 0);
  CHECK(done.out == fmt::format("deploy (cnf) {}\nEigen {}.{}.{}\n", CNF_VERSION, EIGEN_WORLD_VERSION,
                                EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION));
}

TEST_CASE("help tells every command and what an exit status means") {
  for (const auto& name : trained) {
    const auto help = run({program(name), "--help"}), all = run({program(name), "--help-all"});
    CHECK(help.status == 0);
    CHECK(contains(help.out, "Exit status: 0; 2 after"));
    CHECK(contains(all.out, "--checkpoint-minutes"));
    CHECK(contains(all.out, "--temperature"));
  }
  CHECK(contains(run({program("deploy"), "--help"}).out, "Exit status: 0; 2 after"));
}

TEST_CASE("an error has a colour on a terminal, and nowhere else") {
  const auto bad = program("super_resolution") + " train --steps 0";
  const auto on_terminal = [&](const std::string& settings) {
    return run({"/usr/bin/script", "-qec", "env " + settings + " " + bad, "/dev/null"});
  };
  const auto red = on_terminal("-u NO_COLOR TERM=xterm");
  CHECK(red.status == 2);
  CHECK(contains(red.out, "\033[1;31msuper_resolution:\033[0m --steps: expected a number above 0, got 0"));
  for (const auto* settings : {"NO_COLOR=1 TERM=xterm", "-u NO_COLOR TERM=dumb"}) {
    const auto plain = on_terminal(settings);
    CHECK(plain.out.starts_with("super_resolution: --steps"));
    CHECK_FALSE(contains(plain.out, "\033"));
  }
  CHECK(run({"/bin/sh", "-c", bad}).err.starts_with("super_resolution: --steps"));
}

TEST_CASE("bash completes commands, options and the values that an option has") {
  using Words = std::vector<std::string>;
  CHECK(offered("super_resolution", {"super_resolution", "ev"}) == Words{"evaluate"});
  CHECK(offered("vessel_segmentation", {"vessel_segmentation", "syn"}) == Words{"synthesize"});
  CHECK(offered("super_resolution", {"super_resolution", "train", "--mic"}) == Words{"--micro-batch"});
  CHECK(offered("super_resolution", {"super_resolution", "train", "--config", ""}) ==
        Words{"small", "base", "paper"});
  CHECK(offered("vessel_segmentation", {"vessel_segmentation", "train", "--layout", "d"}) == Words{"drive"});
  CHECK(offered("super_resolution", {"super_resolution", "train", "--precision", "b"}) == Words{"bfloat16"});
  CHECK(offered("super_resolution", {"super_resolution", "train", "--config", "=", "b"}) == Words{"base"});
  CHECK(offered("super_resolution", {"super_resolution", "train", "--config", "="}) ==
        Words{"small", "base", "paper"});
  CHECK(offered("super_resolution", {"super_resolution", "completion", "z"}) == Words{"zsh"});
  CHECK(offered("super_resolution", {"super_resolution", "--v"}) == Words{"--version"});
  // a file name: the shell's own
  CHECK(offered("super_resolution", {"super_resolution", "sample", "--input", "/e"}).empty());
}

TEST_CASE("every shell has a script, and others are named") {
  for (const auto& name : trained) {
    const auto fish = run({program(name), "completion", "fish"}).out;
    CHECK(contains(fish, "complete -c " + name + " -n '__fish_seen_subcommand_from train' -l batch -r"));
    CHECK(run({program(name), "completion", "zsh"}).out.starts_with("(( $+functions[compdef] ))"));
    CHECK(contains(fish, "-n __fish_use_subcommand -f -l version"));
    const auto other = run({program(name), "completion", "csh"});
    CHECK(other.status == 2);
    CHECK(contains(other.err, "csh"));
  }
}
