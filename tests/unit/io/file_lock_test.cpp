#include "cnf/io/file_lock.hpp"

#include <sys/wait.h>

#include <csignal>

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

TEST_CASE("a lock is held by one, names its process, and leaves nothing") {
  TemporaryFolder folder;
  const auto take = [&] { return cnf::io::FileLock(folder / "lock", "run"); };
  {
    const auto lock = take();
    CHECK(error_of(take) == "run is in use by process " + std::to_string(::getpid()));
    CHECK(folder.entries() == 1);
  }
  CHECK(folder.entries() == 0);
  CHECK(error_of(take) == "no error");
}

TEST_CASE("a lock ends with its process, however that ends") {
  TemporaryFolder folder;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const auto child = ::fork();
  if (child == 0) {
    const cnf::io::FileLock lock(folder / "lock", "run");
    if (::write(ready[1], "r", 1) == 1) ::pause();
    ::_exit(1);
  }
  char signal = 0;
  REQUIRE(::read(ready[0], &signal, 1) == 1);
  CHECK(error_of([&] { cnf::io::FileLock(folder / "lock", "run"); }) ==
        "run is in use by process " + std::to_string(child));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(error_of([&] { cnf::io::FileLock(folder / "lock", "run"); }) == "no error");
  CHECK(folder.entries() == 0);
  for (const int end : ready) ::close(end);
}

TEST_CASE("a lock in a folder that is not there is an error that names it") {
  TemporaryFolder folder;
  CHECK(error_of([&] { cnf::io::FileLock(folder / "missing" / "lock", "run"); }) ==
        "cannot write " + (folder / "missing" / "lock").string() + ": No such file or directory");
}
