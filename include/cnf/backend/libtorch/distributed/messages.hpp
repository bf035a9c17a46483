// Sockets, and the messages that a meeting point and its visitors send over them (meeting.hpp).
#pragma once

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cnf/core/error.hpp"

namespace cnf::distributed::detail {

using Milliseconds = std::chrono::milliseconds;

/// A file descriptor that is closed.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  operator int() const { return number_; }

 private:
  int number_;
};

inline std::string place(const std::string& address, int port) {
  return address + ":" + std::to_string(port);
}

/// A socket for which use(socket, address) says yes, of those that the name stands for.
template <class Use>
Descriptor opened(const std::string& address, int port, const Use& use) {
  addrinfo hints{}, *all = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &all);
      error != 0)
    throw Error("expected the address of a machine, got " + address + " (" + ::gai_strerror(error) + ")");
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(all, ::freeaddrinfo);
  int why = 0;
  for (const auto* a = list.get(); a != nullptr; a = a->ai_next) {
    Descriptor socket(::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol));
    if (socket >= 0 && use(socket, *a)) return socket;
    why = errno;
  }
  errno = why;
  return Descriptor();
}

/// A machine that vanishes without a word is missed within half a minute.
inline void keep_alive(int socket) {
  const auto set = [&](int level, int option, int value) {
    ::setsockopt(socket, level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

inline bool send_all(int socket, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto n = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += std::size_t(n);
  }
  return true;
}

/// Messages: a byte that says what is wanted or how it went, and two texts, each after its length.
struct Message {
  char kind = 0;
  std::string key, value;

  static constexpr std::size_t header = 9, longest = std::size_t{64} << 20;

  std::string bytes() const {
    std::string all(header, kind);
    const std::array<std::uint32_t, 2> lengths{htonl(std::uint32_t(key.size())),
                                               htonl(std::uint32_t(value.size()))};
    std::memcpy(all.data() + 1, lengths.data(), sizeof lengths);
    return all + key + value;
  }
  /// Of the bytes' beginning, which it takes away; nothing while they are incomplete. `ok` false: it is none.
  static std::optional<Message> taken(std::string& bytes, bool& ok) {
    if (bytes.size() < header) return {};
    std::array<std::uint32_t, 2> lengths{};
    std::memcpy(lengths.data(), bytes.data() + 1, sizeof lengths);
    const std::size_t key = ntohl(lengths[0]), value = ntohl(lengths[1]);
    if (key > longest || value > longest) {
      ok = false;
      return {};
    }
    if (bytes.size() < header + key + value) return {};
    Message m{bytes[0], bytes.substr(header, key), bytes.substr(header + key, value)};
    bytes.erase(0, header + key + value);
    return m;
  }
};

}  // namespace cnf::distributed::detail
