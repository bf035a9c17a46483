// A file that one living process holds, and that says which.
//
//   const cnf::io::FileLock lock("run/.cnf-training.lock", "run");
//
// While another holds it: cnf::Error ("run is in use by process 4711"). It ends with its process, however that ends; where
// a file system has no locks (flock), everybody gets it.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "cnf/core/error.hpp"
#include "cnf/io/atomic_file.hpp"

namespace cnf::io {

class FileLock {
 public:
  /// `what` is in use while it is held.
  FileLock(std::filesystem::path path, const std::string& what) : path_(std::move(path)) {
    do {
      if (descriptor_ >= 0) ::close(descriptor_);
      descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
      if (descriptor_ < 0) detail::cannot_write(path_, errno);
      if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        const auto holder = read();
        ::close(descriptor_);
        throw Error(what + " is in use by " + (holder.empty() ? "another process" : "process " + holder));
      }
    } while (!is_there());
    const auto text = std::to_string(::getpid());
    [[maybe_unused]] const bool told = ::ftruncate(descriptor_, 0) == 0 &&
                                       ::write(descriptor_, text.data(), text.size()) == ssize_t(text.size());
  }
  /// The other one holds nothing then.
  FileLock(FileLock&& other) noexcept
      : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock() {
    if (descriptor_ < 0) return;
    ::unlink(path_.c_str());
    ::close(descriptor_);
  }

 private:
  std::string read() const {
    std::array<char, 32> text{};
    const auto size = ::pread(descriptor_, text.data(), text.size(), 0);
    return {text.data(), size > 0 ? std::size_t(size) : 0};
  }
  /// Whether it still is the file of this name, and not one that its last holder has just removed.
  bool is_there() const {
    struct ::stat ours {
    }, there{};
    return ::fstat(descriptor_, &ours) == 0 && ::stat(path_.c_str(), &there) == 0 &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
  }

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace cnf::io
