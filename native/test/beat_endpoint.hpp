// What the tests of the beat loop share: a member's beat thread on loopback, with free ports.
//
// An Endpoint is one beat thread with one pair and one board, as the addon makes them, without
// Node.js. Waiting is for a condition, with a deadline as a guard only; nothing sleeps for a time.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "hand_loop.hpp"
#include "heartbeat/beat_loop.hpp"
#include "heartbeat/socket.hpp"

namespace hotpair::test {

namespace heartbeat = hotpair::heartbeat;

// A control port P for TCP and UDP with P + 1 free too; the system gives it and it is let go at
// once.
inline std::uint16_t free_port() {
  for (int attempt = 0; attempt < 100; ++attempt) {
    UniqueFd probe(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(any);
    if (::bind(probe.get(), reinterpret_cast<sockaddr*>(&any), length) != 0) continue;
    ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&any), &length);
    const std::uint16_t port = ntohs(any.sin_port);
    if (port > 65'000) continue;
    probe.reset();
    const auto control = heartbeat::parse_address("127.0.0.1", port);
    const auto data = heartbeat::parse_address("127.0.0.1", static_cast<std::uint16_t>(port + 1));
    if (heartbeat::open_listener(*control).ok() && heartbeat::open_udp(*control).ok() &&
        heartbeat::open_listener(*data).ok()) {
      return port;
    }
  }
  check_failed("three free ports can be found", __FILE__, __LINE__);
}

inline heartbeat::Address local(std::uint16_t port) {
  return *heartbeat::parse_address("127.0.0.1", port);
}

inline heartbeat::Presence presence_of(std::uint8_t fill) {
  heartbeat::Presence presence;
  presence.fill(fill);
  return presence;
}

// Waits until `holds` does; false after ten seconds, which only a failing test takes.
inline bool eventually(const std::function<bool()>& holds) {
  const Instant guard = monotonic_now() + Nanos::millis(10'000);
  while (!holds()) {
    if (monotonic_now() > guard) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

struct Ports {
  std::uint16_t a = free_port();
  std::uint16_t b = free_port();
};

inline heartbeat::PairConfig config_of(int self, std::uint64_t incarnation, const Ports& ports) {
  const std::uint16_t own = self == 0 ? ports.a : ports.b;
  const std::uint16_t other = self == 0 ? ports.b : ports.a;
  heartbeat::PairConfig config;
  config.pair = 0x1234'5678'9abc'def0;
  config.self = static_cast<std::uint8_t>(self);
  config.incarnation = incarnation;
  config.keys = {SipKey{1, 2}, SipKey{3, 4}};
  // A window long enough for a machine that runs other tests at the same time.
  config.timing = {Nanos::millis(20), Nanos::millis(400)};
  config.dials = self == 1;
  config.links.push_back(
      {local(own), {local(other), local(static_cast<std::uint16_t>(other + 1))}});
  return config;
}

class Endpoint {
 public:
  explicit Endpoint(heartbeat::PairConfig config, std::uint8_t presence = 1)
      : words_(std::make_unique<heartbeat::PairWords>(boot_now())),
        gate_(words_->gate, config.timing.gate_span()) {
    config.event_loop = event_loop_.watch();
    auto opened = heartbeat::BeatPair::open(config, *words_, monotonic_now());
    CHECK(opened.ok());
    pair_ = std::move(opened).value();
    auto started = heartbeat::BeatLoop::start(
        {[](void* self) noexcept { static_cast<Endpoint*>(self)->on_ring(); }, this});
    CHECK(started.ok());
    loop_ = std::move(started).value();
    loop_->add(*pair_);
    announce(presence);
  }
  ~Endpoint() { close(); }
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  void announce(std::uint8_t presence) {
    words_->announced.write(presence_of(presence));
    loop_->post(*pair_, heartbeat::command::kAnnounce);
  }
  void probe() { loop_->post(*pair_, heartbeat::command::kProbe); }
  void close() {
    if (is_closed_) return;
    is_closed_ = true;
    loop_->remove(*pair_);
    loop_->stop();
  }

  heartbeat::BoardView view() const {
    heartbeat::BoardView view{};
    CHECK(eventually([&] { return words_->board.view.try_read(view); }));
    return view;
  }
  bool is_verdict(heartbeat::Verdict verdict) const {
    return view().verdict == static_cast<std::uint32_t>(verdict);
  }
  bool is_alive() const {
    return view().suspicion == static_cast<std::uint32_t>(heartbeat::Level::kAlive);
  }
  // From now on the event loop that this endpoint stands for stands still, or runs again.
  void hang(bool is_hung) { is_hung ? event_loop_.stand() : event_loop_.go_on(); }
  // For news; not for questions to the loop.
  std::uint64_t rings() const { return rings_.load(std::memory_order_relaxed); }
  heartbeat::BeatPair& pair() { return *pair_; }
  heartbeat::BeatLoop& loop() { return *loop_; }
  heartbeat::PairWords& words() { return *words_; }
  heartbeat::BeatBoard& board() { return words_->board; }
  heartbeat::Gate& gate() { return gate_; }

 private:
  // On the beat thread, in place of an event loop.
  void on_ring() noexcept {
    if (event_loop_.stands()) return;
    event_loop_.turn();
    if (words_->has_news.exchange(0, std::memory_order_acquire)) {
      rings_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  // The order of destruction: the thread first, then what it wrote to.
  HandLoop event_loop_;
  std::unique_ptr<heartbeat::PairWords> words_;
  heartbeat::Gate gate_;
  std::unique_ptr<heartbeat::BeatPair> pair_;
  std::unique_ptr<heartbeat::BeatLoop> loop_;
  std::atomic<std::uint64_t> rings_{0};
  bool is_closed_ = false;
};

// Both members up and connected, as most tests begin.
inline bool are_paired(const Endpoint& a, const Endpoint& b) {
  return eventually([&] {
    return a.is_alive() && b.is_alive() && a.view().links_up == 1 && b.view().links_up == 1;
  });
}

}  // namespace hotpair::test
