#include "cnf/io/atomic_file.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/file_size_limit.hpp"
#include "support/temporary_folder.hpp"

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A process that does something; it has no end of its own.
class Child {
 public:
  template <class Action>
  explicit Child(const Action& action) : id_(::fork()) {
    if (id_ != 0) return;
    action();
    ::_exit(0);
  }
  /// How it ended.
  int wait() {
    int status = 0;
    ::waitpid(id_, &status, 0);
    return status;
  }

 private:
  pid_t id_;
};

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

TEST_CASE("a link stays a link, and the file that it names is replaced") {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder / "elsewhere");
  std::filesystem::create_symlink("elsewhere/log", folder / "near");
  std::filesystem::create_symlink(folder / "near", folder / "far");
  for (const std::string text : {"into a link whose file is missing", "into one whose file is there"}) {
    cnf::io::write_file(folder / "far", text);
    CHECK(std::filesystem::is_symlink(folder / "far"));
    CHECK(std::filesystem::is_symlink(folder / "near"));
    CHECK(content(folder / "elsewhere" / "log") == text);
  }
  CHECK(folder.entries() == 3);

  std::filesystem::create_symlink("round", folder / "round");
  CHECK(error_of([&] { cnf::io::write_file(folder / "round", "text"); }) ==
        "cannot write " + (folder / "round").string() + ": Too many levels of symbolic links");
}

TEST_CASE("what is no regular file is written into") {
  TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::string got;
  std::thread reader([&] { got = content(pipe); });
  cnf::io::write_file(pipe, "through the pipe");
  reader.join();
  CHECK(got == "through the pipe");
  CHECK(std::filesystem::is_fifo(pipe));
  cnf::io::expect_writable(pipe);  // does not wait for a reader

  cnf::io::write_file("/dev/null", "text");
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(folder.entries() == 1);
}

TEST_CASE("what is replaced hands on its mode, and one that may not be written is not replaced") {
  TemporaryFolder folder;
  cnf::io::write_file(folder / "secret", "old");
  std::filesystem::permissions(folder / "secret",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  cnf::io::write_file(folder / "secret", "new");
  CHECK((std::filesystem::status(folder / "secret").permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));

  if (::geteuid() == 0) return;  // who may write everything
  std::filesystem::permissions(folder / "secret", std::filesystem::perms::owner_read);
  CHECK(error_of([&] { cnf::io::expect_writable(folder / "secret"); }) ==
        "cannot write " + (folder / "secret").string() + ": Permission denied");
  CHECK(content(folder / "secret") == "new");
}

TEST_CASE("whether a file can be written is told beforehand, and leaves nothing") {
  TemporaryFolder folder;
  cnf::io::expect_writable(folder / "log");
  CHECK(folder.entries() == 0);
  CHECK(error_of([&] { cnf::io::expect_writable(folder / "missing" / "log"); }) ==
        "cannot write " + (folder / "missing" / "log").string() + ": No such file or directory");
  CHECK(error_of([&] { cnf::io::expect_writable(folder.path()); }) ==
        "cannot write " + folder.path().string() + ": Is a directory");
}

TEST_CASE("what a killed process left is removed, and what a living one writes is not") {
  TemporaryFolder folder;
  Child killed([&] {
    cnf::io::AtomicFile file(folder / "log");
    file.write("half");
    ::raise(SIGKILL);
  });
  CHECK(WIFSIGNALED(killed.wait()));
  CHECK(folder.entries() == 1);

  int ready[2], go[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(go) == 0);
  char signal = 0;
  Child living([&] {
    cnf::io::AtomicFile file(folder / "other");
    file.write("whole");
    if (::write(ready[1], "r", 1) != 1 || ::read(go[0], &signal, 1) != 1) ::_exit(1);
    file.commit();
  });
  REQUIRE(::read(ready[0], &signal, 1) == 1);
  CHECK(folder.entries() == 1);  // it has removed the first one's
  cnf::io::write_file(folder / "log", "text");
  CHECK(folder.entries() == 2);
  REQUIRE(::write(go[1], "g", 1) == 1);
  CHECK(living.wait() == 0);
  CHECK(content(folder / "other") == "whole");
  CHECK(folder.entries() == 2);
  for (const int end : {ready[0], ready[1], go[0], go[1]}) ::close(end);
}

TEST_CASE("a descriptor that the shell opened is gone on with, at its place in the file") {
  TemporaryFolder folder;
  const auto log = folder / "log";
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(file >= 0);
  REQUIRE(::write(file, "first, ", 7) == 7);
  cnf::io::write_file("/dev/fd/" + std::to_string(file), "second");
  REQUIRE(::write(file, ", third", 7) == 7);
  ::close(file);
  CHECK(content(log) == "first, second, third");
}
