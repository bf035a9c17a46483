// A file that appears whole or not at all.
//
// The content goes to a temporary file in the target's folder. commit() syncs it, renames it to the target
// and syncs the folder, so that a reader sees the old file or the new one, also after a power cut. Without
// commit() the temporary is removed and the target stays as it was.
//
//     cnf::io::AtomicFile file("run/log.json");
//     file.write("{}\n");
//     file.commit();
//
// Errors: cnf::Error with the target's path and the system's reason (`cannot write run/log.json: No space
// left on device`).
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "cnf/core/error.hpp"

namespace cnf::io {

class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
    static std::atomic<unsigned> counter = 0;
    const auto folder = target_.has_parent_path() ? target_.parent_path() : ".";
    do {
      temporary_ = folder / (".cnf-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp");
      descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor_ < 0 && (errno == EEXIST || errno == EINTR));
    if (descriptor_ < 0) fail();
  }

  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  ~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!committed_) ::unlink(temporary_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  void commit() {
    if (::fsync(descriptor_) != 0) fail();
    if (::close(std::exchange(descriptor_, -1)) != 0) fail();
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail();
    committed_ = true;
    sync_folder();
  }

 private:
  [[noreturn]] void fail() const {
    const int reason = errno;
    throw Error("cannot write " + target_.string() + ": " + std::generic_category().message(reason));
  }

  void sync_folder() const {
    const int folder = ::open(temporary_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;  // a folder that may be written but not read cannot be synced
    const bool synced =
        ::fsync(folder) == 0 || errno == EINVAL;  // EINVAL: this file system has nothing to sync
    const int reason = errno;
    ::close(folder);
    errno = reason;
    if (!synced) fail();
  }

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

/// Replaces the whole file.
inline void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

inline void write_file(const std::filesystem::path& path, std::string_view text) {
  write_file(path, std::as_bytes(std::span(text)));
}

}  // namespace cnf::io
