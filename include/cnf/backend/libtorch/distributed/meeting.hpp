// Where processes that work together meet: a small table of texts in the first one's memory, which the others reach over TCP.
//
//   MeetingPoint point("127.0.0.1", 29500, 4);             in the first process
//   Visitor visitor("127.0.0.1", 29500, rank, 60s);        in all four
//   visitor.set("key", "value");  visitor.get("key");
//
// It listens on that address alone, and only until all have come. It notices at once when a visitor's process ends without
// having taken leave, and says so under the key `trouble`. (c10d's own TCPStore listens on every interface as long as it
// lives, and does not know who left.) There is no authentication: whoever reaches the port before the last process has come
// can take its place, so it belongs in a private network.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cnf/backend/libtorch/distributed/messages.hpp"
#include "cnf/core/error.hpp"

namespace cnf::distributed {

/// The key under which stands what ended all: by whom it was told, a line feed, and a sentence.
inline const std::string trouble_key = "trouble";

class MeetingPoint {
 public:
  /// Port 0: any that is free.
  MeetingPoint(const std::string& address, int port, int size) : size_(size) {
    listens_ = detail::opened(address, port, [](int socket, const addrinfo& a) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      return ::bind(socket, a.ai_addr, a.ai_addrlen) == 0 && ::listen(socket, 1024) == 0;
    });
    if (listens_ < 0)
      throw Error("cannot wait for other processes at " + detail::place(address, port) + ": " +
                  std::strerror(errno));
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    ::getsockname(listens_, reinterpret_cast<sockaddr*>(&bound), &length);
    port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                              : reinterpret_cast<sockaddr_in&>(bound).sin_port);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error("cannot make a pipe");
    woken_ = detail::Descriptor(ends[0]);
    wakes_ = detail::Descriptor(ends[1]);
    thread_ = std::thread([this] { serve(); });
  }
  MeetingPoint(const MeetingPoint&) = delete;
  MeetingPoint& operator=(const MeetingPoint&) = delete;
  /// Waits until all have left, but not for long.
  ~MeetingPoint() {
    for (int i = 0; i < 500 && visitors_ > 0; ++i) std::this_thread::sleep_for(detail::Milliseconds(20));
    wakes_.close();
    thread_.join();
  }

  /// Where it listens.
  int port() const { return port_; }

 private:
  struct Visit {
    detail::Descriptor socket;
    std::string bytes;
    std::string name;  // rank, and of which process; empty: has not said
    bool has_left = false;
  };

  void serve() {
    std::vector<Visit> visits;
    for (;;) {
      std::vector<pollfd> waiting{{woken_, POLLIN, 0}, {listens_, POLLIN, 0}};
      for (const auto& v : visits) waiting.push_back({v.socket, POLLIN, 0});
      if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
      if (waiting[0].revents != 0) return;
      for (std::size_t i = 0; i < visits.size(); ++i)
        if (waiting[i + 2].revents != 0 && !serve(visits[i])) {
          if (!visits[i].name.empty()) {
            --visitors_;
            if (!visits[i].has_left)
              table_.try_emplace(trouble_key, "0\nprocess " + visits[i].name +
                                                  " ended without a word: it was killed, or crashed");
          }
          visits[i].socket.close();
        }
      std::erase_if(visits, [](const Visit& v) { return v.socket < 0; });
      if (waiting[1].revents != 0) {
        detail::Descriptor socket(::accept4(listens_, nullptr, nullptr, SOCK_CLOEXEC));
        if (socket < 0) continue;
        const timeval patience{5, 0};  // with a visitor that does not listen
        ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        detail::keep_alive(socket);
        visits.push_back({.socket = std::move(socket), .bytes = {}, .name = {}});
      }
      if (int(ranks_.size()) == size_ && listens_ >= 0) {
        listens_.close();  // poll ignores it from now on
        std::erase_if(visits, [](const Visit& v) { return v.name.empty(); });
      }
    }
  }

  /// Answers what has come; false: the visit is over.
  bool serve(Visit& visit) {
    std::array<char, 65536> some;
    const auto n = ::recv(visit.socket, some.data(), some.size(), 0);
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) return false;
    visit.bytes.append(some.data(), std::size_t(n));
    bool ok = true;
    while (const auto asked = detail::Message::taken(visit.bytes, ok)) {
      if (visit.name.empty() && asked->kind != 'h') return false;
      detail::Message reply{'r', "", "not understood"};
      try {
        reply = answer(visit, *asked);
      } catch (const std::exception&) {  // a number that is none
      }
      if (!detail::send_all(visit.socket, reply.bytes())) return false;
      if (reply.kind == 'r') return false;
    }
    return ok;
  }

  detail::Message answer(Visit& visit, const detail::Message& asked) {
    const auto& [kind, key, value] = asked;
    switch (kind) {
      case 'h':  // key: "cnf 1 RANK", value: which process it is
        if (!visit.name.empty() || !key.starts_with(greeting)) return {'r', "", "not one of us"};
        if (!ranks_.insert(key.substr(greeting.size())).second)
          return {'r', "", "process " + key.substr(greeting.size()) + " is there already"};
        visit.name = key.substr(greeting.size()) + " (" + value + ")";
        ++visitors_;
        table_["present"] += key.substr(greeting.size()) + ",";
        return {'y', "", ""};
      case 's':
        table_[key] = value;
        return {'y', "", ""};
      case 'f':  // the first who sets it; the answer is what stands there then
        return {'y', "", table_.try_emplace(key, value).first->second};
      case 'g': {
        const auto found = table_.find(key);
        return found == table_.end() ? detail::Message{'n', "", ""} : detail::Message{'y', "", found->second};
      }
      case 'a': {
        auto& number = table_[key];
        number = std::to_string((number.empty() ? 0 : std::stoll(number)) + std::stoll(value));
        return {'y', "", number};
      }
      case 'd':
        return {table_.erase(key) > 0 ? 'y' : 'n', "", ""};
      case '#':
        return {'y', "", std::to_string(table_.size())};
      case 'b':
        visit.has_left = true;
        return {'y', "", ""};
      default:
        return {'r', "", "not understood"};
    }
  }

  friend class Visitor;
  inline static const std::string greeting = "cnf 1 ";

  int size_, port_ = 0;
  detail::Descriptor listens_, woken_, wakes_;
  std::map<std::string, std::string> table_;
  std::set<std::string> ranks_;
  std::atomic<int> visitors_ = 0;
  std::thread thread_;
};

class Visitor {
 public:
  /// Tries until `patience` ends; calls look(), which may throw, meanwhile.
  Visitor(
      const std::string& address, int port, int rank, detail::Milliseconds patience,
      const std::function<void()>& look = [] {})
      : place_(detail::place(address, port)) {
    const auto start = std::chrono::steady_clock::now();
    for (;;) {
      look();
      socket_ = detail::opened(address, port, [&](int socket, const addrinfo& a) {
        const timeval limit{std::max<long>(1, patience.count() / 1000), 0};
        ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return ::connect(socket, a.ai_addr, a.ai_addrlen) == 0;
      });
      if (socket_ >= 0) break;
      if (std::chrono::steady_clock::now() - start > patience)
        throw Error("expected the first process at " + place_ + " within " +
                    std::to_string(patience.count() / 1000) + " s, got: " + std::strerror(errno));
      std::this_thread::sleep_for(detail::Milliseconds(50));
    }
    detail::keep_alive(socket_);
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    const auto reply = ask({'h', MeetingPoint::greeting + std::to_string(rank),
                            std::to_string(::getpid()) + " on " + host.data()});
    if (reply.kind != 'y') throw Error("refused at " + place_ + ": " + reply.value);
  }

  /// Puts it into the table.
  void set(const std::string& key, const std::string& value) { ask({'s', key, value}); }
  /// What stands there then: the first who sets it wins.
  std::string set_first(const std::string& key, const std::string& value) {
    return ask({'f', key, value}).value;
  }
  /// What the table has under the key.
  std::optional<std::string> get(const std::string& key) {
    auto reply = ask({'g', key, ""});
    if (reply.kind == 'n') return {};
    return std::move(reply.value);
  }
  /// Adds to the number under the key: the sum.
  long long add(const std::string& key, long long value) {
    return std::stoll(ask({'a', key, std::to_string(value)}).value);
  }
  /// Whether it was there.
  bool remove(const std::string& key) { return ask({'d', key, ""}).kind == 'y'; }
  /// How many entries the table has.
  long long count() { return std::stoll(ask({'#', "", ""}).value); }
  /// Before the process ends in order.
  void take_leave() { ask({'b', "", ""}); }

  /// The address by which this process reaches the meeting point, in numbers.
  std::string own_address() const {
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    std::array<char, NI_MAXHOST> text{};
    if (::getsockname(socket_, reinterpret_cast<sockaddr*>(&name), &length) != 0 ||
        ::getnameinfo(reinterpret_cast<sockaddr*>(&name), length, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
      throw Error("cannot tell by which address this process reaches " + place_);
    return text.data();
  }

 private:
  detail::Message ask(const detail::Message& message) {
    const std::lock_guard lock(one_);
    if (detail::send_all(socket_, message.bytes())) {
      std::array<char, 65536> some;
      bool ok = true;
      for (;;) {
        if (auto reply = detail::Message::taken(bytes_, ok)) return std::move(*reply);
        const auto n = ok ? ::recv(socket_, some.data(), some.size(), 0) : 0;
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        bytes_.append(some.data(), std::size_t(n));
      }
    }
    throw Error("process 0 no longer answers at " + place_ + ": it was killed, or crashed");
  }

  std::string place_;
  detail::Descriptor socket_;
  std::string bytes_;
  std::mutex one_;
};

}  // namespace cnf::distributed
