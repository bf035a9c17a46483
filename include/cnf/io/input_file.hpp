// A file that is read at any place, by several threads at once.
//
//     cnf::io::InputFile file("model.safetensors");
//     file.read(offset, std::as_writable_bytes(std::span(numbers)));
//
// Errors: cnf::Error with the path and the reason (`cannot read model.safetensors: No such file or directory`).
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "cnf/core/error.hpp"

namespace cnf::io {

class InputFile {
 public:
  explicit InputFile(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code code;
    size_ = std::filesystem::file_size(path_, code);  // an error for a folder
    if (code) fail(code.message());
    do descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    while (descriptor_ < 0 && errno == EINTR);
    if (descriptor_ < 0) fail(std::generic_category().message(errno));
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() { ::close(descriptor_); }

  /// Its path, as it was asked for.
  const std::filesystem::path& path() const { return path_; }
  /// Bytes.
  std::uint64_t size() const { return size_; }

  /// Fills `bytes` with those from `offset` on.
  void read(std::uint64_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const auto count = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail(std::generic_category().message(errno));
      if (count == 0) fail("truncated while it was read");
      offset += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  /// Throws an Error that names the file.
  [[noreturn]] void fail(const std::string& why) const {
    throw Error("cannot read " + path_.string() + ": " + why);
  }

 private:
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace cnf::io
