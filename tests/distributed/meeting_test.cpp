#include "cnf/backend/libtorch/distributed/meeting.hpp"

#include "support/doctest.hpp"
#include "support/error_of.hpp"
#include "support/group.hpp"

namespace {

using namespace cnf::distributed;
using namespace std::chrono_literals;

std::string waited_for(Visitor& visitor, const std::string& key) {
  for (int i = 0; i < 500; ++i) {
    if (const auto text = visitor.get(key)) return *text;
    std::this_thread::sleep_for(10ms);
  }
  return "nothing";
}

/// Sends bytes that are no message; what comes back.
std::string answer_to(int port, const std::string& bytes) {
  const auto socket = cnf::distributed::detail::opened(
      "127.0.0.1", port, [](int s, const addrinfo& a) { return ::connect(s, a.ai_addr, a.ai_addrlen) == 0; });
  if (socket < 0) return "refused";
  cnf::distributed::detail::send_all(socket, bytes);
  std::array<char, 64> some{};
  const auto n = ::recv(socket, some.data(), some.size(), 0);
  return {some.data(), n > 0 ? std::size_t(n) : 0};
}

}  // namespace

TEST_CASE("visitors share a table, and only until all have come does anybody listen") {
  MeetingPoint point("127.0.0.1", 0, 2);
  Visitor first("127.0.0.1", point.port(), 0, 5s);
  CHECK(error_of([&] { Visitor("127.0.0.1", point.port(), 0, 5s); }) ==
        "refused at 127.0.0.1:" + std::to_string(point.port()) + ": process 0 is there already");
  CHECK(answer_to(point.port(), "GET / HTTP/1.1\r\n\r\n") == "");
  CHECK(answer_to(point.port(), std::string(9, '\xff')) == "");
  CHECK(answer_to(point.port(), cnf::distributed::detail::Message{'s', "key", "forged"}.bytes()) ==
        "");  // has not said who it is
  Visitor second("127.0.0.1", point.port(), 1, 5s);
  CHECK(second.get("present") == "0,1,");
  for (int i = 0; i < 100 && answer_to(point.port(), "") != "refused"; ++i) std::this_thread::sleep_for(10ms);
  CHECK(answer_to(point.port(), "") == "refused");

  CHECK_FALSE(second.get("key"));
  first.set("key", std::string("zero\0in it", 10));
  CHECK(second.get("key") == std::string("zero\0in it", 10));
  CHECK(second.set_first("key", "later").substr(0, 4) == "zero");
  CHECK(second.set_first("other", "mine") == "mine");
  CHECK(first.add("number", 40) == 40);
  CHECK(second.add("number", 2) == 42);
  CHECK(first.remove("number"));
  CHECK_FALSE(first.remove("number"));
  const std::string large(3'000'000, 'x');
  first.set("large", large);
  CHECK(second.get("large") == large);
  CHECK(second.own_address() == "127.0.0.1");
  first.take_leave();
  second.take_leave();
}

TEST_CASE("who ends without taking leave is named") {
  MeetingPoint point("127.0.0.1", 0, 2);
  Visitor stays("127.0.0.1", point.port(), 0, 5s);
  { Visitor goes("127.0.0.1", point.port(), 1, 5s); }
  const auto trouble = waited_for(stays, trouble_key);
  CHECK(trouble.starts_with("0\nprocess 1 (" + std::to_string(::getpid()) + " on "));
  CHECK(trouble.ends_with(" ended without a word: it was killed, or crashed"));
  stays.take_leave();
}

TEST_CASE("addresses at which nobody can meet") {
  const auto port = free_port();
  CHECK(error_of([&] { Visitor("127.0.0.1", port, 1, 200ms); })
            .starts_with("expected the first process at 127.0.0.1:" + std::to_string(port) +
                         " within 0 s, got: "));
  MeetingPoint point("127.0.0.1", port, 1);
  CHECK(error_of([&] { MeetingPoint again("127.0.0.1", port, 1); }) ==
        "cannot wait for other processes at 127.0.0.1:" + std::to_string(port) + ": Address already in use");
  CHECK(error_of([] {
          MeetingPoint nowhere("no.such.machine.invalid", 1, 1);
        }).starts_with("expected the address of a machine, got no.such.machine.invalid"));
}
