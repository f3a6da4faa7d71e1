// What a unit says to a service manager, heard by a datagram socket of this test: under a path and
// under an abstract name, when nobody listens yet, when there is no room, and when the beat thread
// hangs.
#include "unit/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <string>

#include "beat_endpoint.hpp"
#include "harness.hpp"
#include "local_folder.hpp"
#include "unit/unit_client.hpp"
#include "unit/unit_host.hpp"

using namespace hotpair;
using namespace hotpair::test;
using namespace hotpair::unit;

namespace {

namespace hb = hotpair::heartbeat;
constexpr hb::Bell kSilent{[](void*) noexcept {}, nullptr};
constexpr Nanos kSecond = Nanos::millis(1'000);

// The end of the service manager. `name` is as in NOTIFY_SOCKET.
class Ear {
 public:
  explicit Ear(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name[0] == '@') at.sun_path[0] = '\0';
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() +
                                              (name[0] == '@' ? 0 : 1));
    CHECK(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), bytes) == 0);
  }

  // The next that was said; empty: nothing yet.
  std::string hear() {
    std::array<char, 512> text{};
    const ssize_t got = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
    return got < 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(got));
  }
  bool hears(const std::string& wanted) {
    return eventually([&] { return hear() == wanted; });
  }

 private:
  UniqueFd socket_;
};

std::string abstract_name() {
  return "@hotpair-test-" + std::to_string(::getpid()) + "-" + std::to_string(seed() % 1'000'000);
}

}  // namespace

TEST(nobody_is_told_nothing) {
  auto nobody = ServiceManager::open("", kSecond, Instant{});
  REQUIRE(nobody.ok());
  nobody.value().set_status("waits");
  EXPECT(nobody.value().next() == kNever);
}

TEST(a_name_that_is_none_is_refused) {
  for (const std::string& name : {std::string("notify"), "/" + std::string(107, 'x'),
                                  "@" + std::string(108, 'x'), std::string("vsock:2:1")}) {
    const auto refused = ServiceManager::open(name, Nanos{0}, Instant{});
    EXPECT(!refused.ok());
    if (!refused.ok()) EXPECT(refused.error().code == ErrorCode::kAddress);
  }
  EXPECT(ServiceManager::open("/" + std::string(106, 'x'), Nanos{0}, Instant{}).ok());
  EXPECT(ServiceManager::open("@" + std::string(107, 'x'), Nanos{0}, Instant{}).ok());
}

TEST(it_is_heard_under_a_path_and_under_an_abstract_name) {
  LocalFolder folder;
  for (const std::string& name : {folder.file("notify"), abstract_name()}) {
    Ear ear(name);
    auto manager = ServiceManager::open(name, Nanos{0}, Instant{});
    REQUIRE(manager.ok());
    EXPECT(manager.value().next() == kNever);
    manager.value().set_status("waits");
    EXPECT(manager.value().next() == Instant{});
    manager.value().tell(Instant{});
    EXPECT(ear.hear() == "READY=1\nSTATUS=waits");
    EXPECT(manager.value().next() == kNever);
    manager.value().tell(Instant{});
    EXPECT(ear.hear().empty());
    manager.value().say_stopping();
    EXPECT(ear.hear() == "STOPPING=1");
  }
}

TEST(what_nobody_has_heard_is_said_again) {
  LocalFolder folder;
  const std::string name = folder.file("notify");
  auto manager = ServiceManager::open(name, Nanos{0}, Instant{});
  REQUIRE(manager.ok());
  manager.value().set_status("waits");
  manager.value().tell(Instant{});
  EXPECT(manager.value().next() == Instant{} + ServiceManager::kRetry);
  Ear ear(name);
  manager.value().tell(Instant{} + ServiceManager::kRetry - Nanos{1});
  EXPECT(ear.hear().empty());
  manager.value().tell(Instant{} + ServiceManager::kRetry);
  EXPECT(ear.hear() == "READY=1\nSTATUS=waits");
}

TEST(what_finds_no_room_does_not_wait) {
  LocalFolder folder;
  const std::string name = folder.file("notify");
  Ear ear(name);
  auto manager = ServiceManager::open(name, Nanos{0}, Instant{});
  REQUIRE(manager.ok());
  Instant now{};
  // The queue of datagrams has a bound, some hundreds at most.
  do {
    now = now + Nanos{1};
    manager.value().set_status("waits");
    manager.value().tell(now);
  } while (manager.value().next() == kNever);
  EXPECT(manager.value().next() == now + ServiceManager::kRetry);
  while (!ear.hear().empty()) {
  }
  manager.value().tell(now + ServiceManager::kRetry);
  EXPECT(ear.hear() == "READY=1\nSTATUS=waits");
}

TEST(a_status_that_is_too_long_is_cut_off) {
  const std::string name = abstract_name();
  Ear ear(name);
  auto manager = ServiceManager::open(name, Nanos{0}, Instant{});
  REQUIRE(manager.ok());
  manager.value().set_status(std::string(1'000, 'x'));
  manager.value().tell(Instant{});
  EXPECT(ear.hear() == "READY=1\nSTATUS=" + std::string(ServiceManager::kMostStatusBytes, 'x'));
}

TEST(the_watchdog_is_answered_in_time_and_only_for_the_living) {
  const std::string name = abstract_name();
  Ear ear(name);
  auto manager = ServiceManager::open(name, kSecond, Instant{});
  REQUIRE(manager.ok());
  const Instant first = manager.value().next();
  EXPECT(first == Instant{} + kSecond / ServiceManager::kAnswersInTime);
  EXPECT(!manager.value().is_watchdog_due(first - Nanos{1}));
  EXPECT(manager.value().is_watchdog_due(first));
  manager.value().answer_watchdog(first, true);
  EXPECT(ear.hear() == "WATCHDOG=1");
  EXPECT(!manager.value().is_watchdog_due(first));
  const Instant second = manager.value().next();
  EXPECT(manager.value().is_watchdog_due(second));
  manager.value().answer_watchdog(second, false);
  EXPECT(ear.hear().empty());
  EXPECT(manager.value().next() > second);
}

TEST(a_unit_says_how_it_fares_from_its_begin_to_its_end) {
  LocalFolder folder;
  Ear ear(folder.file("notify"));
  auto manager = ServiceManager::open(folder.file("notify"), Nanos::millis(40), monotonic_now());
  REQUIRE(manager.ok());
  const std::string path = folder.file("unit.sock");
  auto host = UnitHost::start(path.c_str(), std::move(manager).value(), kSilent);
  REQUIRE(host.ok());
  EXPECT(ear.hears("READY=1\nSTATUS=waits for its server"));
  EXPECT(ear.hears("WATCHDOG=1"));
  EXPECT(ear.hears("WATCHDOG=1"));

  Ports ports;
  HandLoop loop;
  hb::PairConfig config = config_of(1, 0xb1, ports);
  config.event_loop = loop.watch();
  const Instant deadline = monotonic_now() + Nanos::millis(5'000);
  auto server = UnitClient::join(path.c_str(), config, deadline, kSilent);
  REQUIRE(server.ok());
  const std::string process = "process " + std::to_string(::getpid());
  EXPECT(ear.hears("READY=1\nSTATUS=beats for the server, " + process));
  EXPECT(ear.hears("WATCHDOG=1"));
  server.value()->leave(false);
  EXPECT(ear.hears("READY=1\nSTATUS=says that the server, " + process +
                   ", is dead; waits for the next"));
  host.value()->stop();
  EXPECT(ear.hears("STOPPING=1"));
  EXPECT(ear.hear().empty());
}

TEST(a_beat_thread_that_hangs_does_not_come_round) {
  std::atomic<bool> is_stuck{false};
  std::atomic<bool> may_go{false};
  struct Words {
    std::atomic<bool>& is_stuck;
    std::atomic<bool>& may_go;
  } words{is_stuck, may_go};
  auto started = hb::BeatLoop::start({[](void* of) noexcept {
                                        auto& at = *static_cast<Words*>(of);
                                        at.is_stuck = true;
                                        at.is_stuck.notify_all();
                                        at.may_go.wait(false);
                                      },
                                      &words});
  REQUIRE(started.ok());
  hb::BeatLoop& loop = *started.value();
  static_cast<void>(loop.has_turned());
  EXPECT(eventually([&] { return loop.has_turned(); }));
  // The other member is heard for the first time: that is news, and the bell does not come back.
  Ports ports;
  HandLoop event_loop;
  hb::PairWords own(boot_now());
  hb::PairConfig config = config_of(1, 0xb1, ports);
  config.event_loop = event_loop.watch();
  auto pair = hb::BeatPair::open(config, own, monotonic_now());
  REQUIRE(pair.ok());
  Endpoint other(config_of(0, 0xa1, ports));
  own.announced.write(presence_of(1));
  loop.add(*pair.value());
  loop.post(*pair.value(), hb::command::kAnnounce);
  is_stuck.wait(false);
  static_cast<void>(loop.has_turned());
  EXPECT(!loop.has_turned());
  EXPECT(!loop.has_turned());
  may_go = true;
  may_go.notify_all();
  EXPECT(eventually([&] { return loop.has_turned(); }));
  loop.remove(*pair.value());
  loop.stop();
}

TEST_MAIN()
