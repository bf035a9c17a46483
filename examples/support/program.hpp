// What every program does at its start and its end: threads, memory, signals, and one line for an error.
//
//   int main(int argc, char** argv) { return support::run_program("super_resolution", argc, argv,
//   add_commands); }
//
// Exit status: 0, 2 after a bad command line, bad input or a full disk (one line on stderr, whose beginning is red on a
// terminal), 130 after Ctrl-C.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "cnf/training/interrupt.hpp"

namespace support {

using cnf::training::Interrupted, cnf::training::interrupted, cnf::training::stop_if_interrupted,
    cnf::training::watch_interrupts;

/// Parses the command line and runs the command that it names; `add_commands` declares options and callbacks.
int run_program(const std::string& name, int argc, char** argv,
                const std::function<void(CLI::App&)>& add_commands);

/// Lets glibc keep blocks up to this many bytes: it would give them back to the system after every step, and fault them
/// in again at the next. Done by run_program, for all; a command whose images are larger than what it works with keeps
/// less, so that an image is given back as soon as it is done with.
void keep_memory(int largest = 1 << 30);
/// Gives back what is kept.
void give_back_memory();

/// A name beside a file: file + ending + extension, or file + ending.2 + extension, ..., the first that is free.
std::filesystem::path beside(const std::filesystem::path& file, const std::string& ending,
                             const std::string& extension,
                             const std::function<bool(const std::filesystem::path&)>& is_free);

/// Throws where this folder could not be made, or not be written into.
void expect_folder(const std::filesystem::path& folder);

/// `good`: whether it is one of `wanted`; else "expected WANTED, got ...".
template <class T>
CLI::Validator checked_number(const std::string& wanted, std::function<bool(T)> good) {
  return CLI::Validator(
      [wanted, good](std::string& text) {
        T value{};
        const bool is_number = CLI::detail::lexical_cast(text, value);
        return is_number && good(value) ? std::string() : "expected " + wanted + ", got " + text;
      },
      "");
}
/// Checks of numbers that say what was expected: `--steps: expected a number above 0, got -3`.
CLI::Validator positive();
CLI::Validator not_negative();
/// A whole number of 64 bits.
CLI::Validator seed();
/// 0 .. 100: what nobody wants would only overflow.
CLI::Validator temperature();

/// What an "out of memory" is about, until another is named: "photograph.jpg of 12000x9000".
void working_on(std::string what);

}  // namespace support
