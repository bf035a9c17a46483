// A file that appears whole or not at all.
//
// The content goes to a temporary file in the target's folder. commit() syncs it, renames it to the target
// and syncs the folder, so that a reader sees the old file or the new one, also after a power cut. Without
// commit() the temporary is removed and the target stays as it was. A link stays a link: the file that it names is
// replaced. What is replaced hands on its mode and owner. What is no regular file (a device, a pipe) is written into.
//
//     cnf::io::AtomicFile file("run/log.json");
//     file.write("{}\n");
//     file.commit();
//
// A process that was killed leaves its temporary behind, .cnf-*.tmp: the next that writes into the folder removes it.
// Nobody removes one whose writer lives, as each is locked (flock).
//
// Errors: cnf::Error with the target's path and the system's reason (`cannot write run/log.json: No space
// left on device`).
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "cnf/core/error.hpp"

namespace cnf::io {

namespace detail {

[[noreturn]] inline void cannot_write(const std::filesystem::path& path, int reason) {
  throw Error("cannot write " + path.string() + ": " + std::generic_category().message(reason));
}

/// Where a file of this name is written.
struct Target {
  std::filesystem::path path;  // of the file itself, behind all links
  bool exists = false;
  bool replaced = true;  // else written into
  int opened = -1;       // the descriptor that the name stands for
  struct ::stat status {};
};

/// The descriptor of /dev/stdout, /dev/stderr and /dev/fd/N, which is what the shell opened, at its place in the file; -1 for
/// other names.
inline int opened_by_name(const std::string& name) {
  if (name == "/dev/stdout") return STDOUT_FILENO;
  if (name == "/dev/stderr") return STDERR_FILENO;
  for (const std::string folder : {"/dev/fd/", "/proc/self/fd/"})
    if (name.starts_with(folder) && name.size() > folder.size() && name.size() < folder.size() + 6 &&
        name.find_first_not_of("0123456789", folder.size()) == std::string::npos)
      return std::stoi(name.substr(folder.size()));
  return -1;
}

inline Target resolved(const std::filesystem::path& asked) {
  Target target{.path = asked};
  target.exists = ::stat(asked.c_str(), &target.status) == 0;
  if (target.exists && S_ISDIR(target.status.st_mode)) cannot_write(asked, EISDIR);
  if (target.exists && ::access(asked.c_str(), W_OK) != 0) cannot_write(asked, errno);
  target.opened = opened_by_name(asked.string());
  if (target.exists && (!S_ISREG(target.status.st_mode) || target.opened >= 0)) {
    target.replaced = false;
    return target;
  }
  std::error_code error;
  for (int links = 0; std::filesystem::is_symlink(target.path, error); ++links) {
    if (links == 40) cannot_write(asked, ELOOP);
    target.path = target.path.parent_path() / std::filesystem::read_symlink(target.path, error);
  }
  return target;
}

inline std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

/// Removes what killed processes left in a folder, once in the life of this one.
inline void remove_stale(const std::filesystem::path& folder) {
  static std::mutex mutex;
  static std::set<std::filesystem::path> seen;
  std::error_code ignored;
  const auto place = std::filesystem::absolute(folder, ignored);
  {
    const std::lock_guard lock(mutex);
    if (!seen.insert(place).second) return;
  }
  for (auto entry = std::filesystem::directory_iterator(place, ignored);
       !ignored && entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
    const auto name = entry->path().filename().string();
    if (!name.starts_with(".cnf-") || !name.ends_with(".tmp")) continue;
    const int file = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    ::close(file);
  }
}

}  // namespace detail

class AtomicFile {
 public:
  /// Error where it could not be written.
  explicit AtomicFile(std::filesystem::path asked)
      : asked_(std::move(asked)), target_(detail::resolved(asked_)) {
    if (!target_.replaced) {
      std::fflush(nullptr);
      descriptor_ = target_.opened >= 0 ? ::fcntl(target_.opened, F_DUPFD_CLOEXEC, 0)
                                        : ::open(asked_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) fail();
      return;
    }
    static std::atomic<unsigned> counter = 0;
    const auto folder = detail::folder_of(target_.path);
    detail::remove_stale(folder);
    while (descriptor_ < 0) {
      temporary_ = folder / (".cnf-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp");
      descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ < 0 && errno != EEXIST && errno != EINTR) fail();
      if (descriptor_ >= 0 && was_taken_for_stale()) ::close(std::exchange(descriptor_, -1));
    }
    if (target_.exists) hand_on();
  }

  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  ~AtomicFile() {
    if (!committed_ && !temporary_.empty()) ::unlink(temporary_.c_str());
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  /// Appends.
  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  /// Appends.
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Makes it appear. Error where the disk is full.
  void commit() {
    if (target_.replaced) {
      if (::fsync(descriptor_) != 0) fail();
      if (::rename(temporary_.c_str(), target_.path.c_str()) != 0) fail();
    }
    committed_ = true;
    if (::close(std::exchange(descriptor_, -1)) != 0) fail();
    if (target_.replaced) sync_folder();
  }

 private:
  [[noreturn]] void fail() const { detail::cannot_write(asked_, errno); }

  /// Whether somebody removed the new file before it was locked.
  bool was_taken_for_stale() const {
    struct ::stat status {};
    ::flock(descriptor_, LOCK_EX);  // where a file system has no locks, nobody takes anything for stale
    return ::fstat(descriptor_, &status) == 0 && status.st_nlink == 0;
  }

  /// Mode and owner of what is replaced; of the owner as much as this process may give away.
  void hand_on() const {
    const auto& old = target_.status;
    [[maybe_unused]] const bool given = ::fchown(descriptor_, old.st_uid, old.st_gid) == 0 ||
                                        ::fchown(descriptor_, uid_t(-1), old.st_gid) == 0;
    [[maybe_unused]] const bool kept = ::fchmod(descriptor_, old.st_mode & 07777) == 0;
  }

  void sync_folder() const {
    const int folder = ::open(detail::folder_of(target_.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;  // a folder that may be written but not read cannot be synced
    const bool synced =
        ::fsync(folder) == 0 || errno == EINVAL;  // EINVAL: this file system has nothing to sync
    const int reason = errno;
    ::close(folder);
    errno = reason;
    if (!synced) fail();
  }

  std::filesystem::path asked_;
  detail::Target target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

/// Throws what writing this file would, as far as that can be told before there is anything to write.
inline void expect_writable(const std::filesystem::path& path) {
  if (detail::resolved(path).replaced) AtomicFile probe(path);
}

/// Replaces the whole file.
inline void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

/// A whole file of this text.
inline void write_file(const std::filesystem::path& path, std::string_view text) {
  write_file(path, std::as_bytes(std::span(text)));
}

}  // namespace cnf::io
