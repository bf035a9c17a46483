#include "cnf/io/atomic_file.hpp"

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/file_size_limit.hpp"
#include "support/temporary_folder.hpp"

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("write_file replaces the whole file and leaves nothing beside it") {
  TemporaryFolder folder;
  cnf::io::write_file(folder / "log", "a long first text");
  cnf::io::write_file(folder / "log", std::string_view("a\0b", 3));
  CHECK(content(folder / "log") == std::string("a\0b", 3));
  CHECK(folder.entries() == 1);
}

TEST_CASE("the target is untouched until commit, and without it") {
  TemporaryFolder folder;
  cnf::io::write_file(folder / "log", "old");
  {
    cnf::io::AtomicFile file(folder / "log");
    file.write("new, but");
    file.write(" abandoned");
    CHECK(content(folder / "log") == "old");
  }
  CHECK(content(folder / "log") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("two writers of one target do not disturb each other") {
  TemporaryFolder folder;
  cnf::io::AtomicFile first(folder / "log");
  cnf::io::AtomicFile second(folder / "log");
  first.write("first");
  second.write("second");
  second.commit();
  CHECK(content(folder / "log") == "second");
  first.commit();
  CHECK(content(folder / "log") == "first");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a new file has the permissions that the umask leaves") {
  TemporaryFolder folder;
  const auto before = ::umask(027);
  cnf::io::write_file(folder / "log", "text");
  ::umask(before);
  CHECK((std::filesystem::status(folder / "log").permissions() & std::filesystem::perms::mask) ==
        static_cast<std::filesystem::perms>(0640));
}

TEST_CASE("a relative path without a folder") {
  TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  cnf::io::write_file("log", "text");
  std::filesystem::current_path(before);
  CHECK(content(folder / "log") == "text");
}

TEST_CASE("errors name the path and the reason") {
  TemporaryFolder folder;
  const auto missing = folder / "missing/log";
  CHECK(error_of([&] { cnf::io::write_file(missing, "text"); }) ==
        "cannot write " + missing.string() + ": No such file or directory");

  std::filesystem::create_directory(folder / "log");
  CHECK(error_of([&] { cnf::io::write_file(folder / "log", "text"); }) ==
        "cannot write " + (folder / "log").string() + ": Is a directory");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a full disk leaves the old file and no temporary") {
  TemporaryFolder folder;
  cnf::io::write_file(folder / "log", "old");
  std::string message;
  {
    FileSizeLimit full(1000);
    message = error_of([&] { cnf::io::write_file(folder / "log", std::string(5000, 'x')); });
  }
  CHECK(message == "cannot write " + (folder / "log").string() + ": File too large");
  CHECK(content(folder / "log") == "old");
  CHECK(folder.entries() == 1);
}
