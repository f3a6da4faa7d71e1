// What the tests of loads share: two regions, the ends of a load, and a wire between them that can
// be cut or damaged at any byte.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "harness.hpp"
#include "memory_file.hpp"
#include "snapshot/arrival.hpp"
#include "snapshot/mover.hpp"

namespace hotpair::test {

using Bytes = std::vector<std::uint8_t>;
using Ends = std::array<hotpair::UniqueFd, 2>;

inline Ends connected() {
  int ends[2];
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {hotpair::UniqueFd(ends[0]), hotpair::UniqueFd(ends[1])};
}

// Counts rings; waits for a condition that changes with one.
class CountingBell {
 public:
  snapshot::Bell bell() { return {&CountingBell::ring, this}; }

  void wait_until(const std::function<bool()>& is_true) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, is_true);
  }

 private:
  static void ring(void* self) noexcept {
    auto& bell = *static_cast<CountingBell*>(self);
    const std::lock_guard lock(bell.mutex_);
    bell.changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
};

// Two ends with a pump between them for each direction. An edit may change the bytes, whose first
// has the number `at` in its direction; what it returns is passed on, and fewer bytes than it got
// cut the wire.
class Wire {
 public:
  using Edit = std::function<std::size_t(std::span<std::uint8_t> bytes, std::size_t at)>;

  Wire(Edit to_receiver, Edit to_sender) {
    Ends one = connected();
    Ends other = connected();
    sender = std::move(one[0]);
    receiver = std::move(other[1]);
    inner_ = {std::move(one[1]), std::move(other[0])};
    pumps_[0] = std::thread([this, edit = std::move(to_receiver)] { pump(0, 1, edit); });
    pumps_[1] = std::thread([this, edit = std::move(to_sender)] { pump(1, 0, edit); });
  }
  ~Wire() {
    cut();
    for (std::thread& each : pumps_) each.join();
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  static std::size_t pass(std::span<std::uint8_t> bytes, std::size_t) { return bytes.size(); }

  void cut() {
    for (const hotpair::UniqueFd& each : inner_) ::shutdown(each.get(), SHUT_RDWR);
  }

  hotpair::UniqueFd sender;
  hotpair::UniqueFd receiver;

 private:
  void pump(std::size_t from, std::size_t to, const Edit& edit) {
    Bytes buffer(1 << 16);
    for (std::size_t at = 0;;) {
      const ssize_t got = ::recv(inner_[from].get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      const auto bytes = std::span(buffer).first(static_cast<std::size_t>(got));
      const std::size_t passed = edit(bytes, at);
      std::size_t sent = 0;
      while (sent < passed) {
        const ssize_t now =
            ::send(inner_[to].get(), bytes.data() + sent, passed - sent, MSG_NOSIGNAL);
        if (now <= 0) return cut();
        sent += static_cast<std::size_t>(now);
      }
      if (passed < bytes.size()) return cut();
      at += bytes.size();
    }
    // Only this direction: what is under way in the other must come through.
    ::shutdown(inner_[to].get(), SHUT_WR);
  }

  Ends inner_;
  std::array<std::thread, 2> pumps_;
};

inline const snapshot::PageHash& test_hash() {
  static const snapshot::PageHash hash({11, 22});
  return hash;
}

// The region of a sender with its tracker, and the region and staging of a receiver.
struct LoadWorld {
  explicit LoadWorld(std::size_t pages, bool is_shadow = false)
      : source(pages * snapshot::kPageBytes),
        live(pages * snapshot::kPageBytes),
        staged(pages * snapshot::kPageBytes),
        staging(staged.bytes()) {
    auto opened =
        is_shadow ? snapshot::open_shadow_tracker(source.bytes()) : open_best(source.bytes());
    CHECK(opened.ok());
    tracker = std::move(opened).value();
  }

  static hotpair::Result<std::unique_ptr<snapshot::PageTracker>> open_best(
      std::span<std::uint8_t> region) {
    auto opened = snapshot::open_page_tracker(region);
    CHECK(opened.ok());
    return std::move(opened.value().tracker);
  }

  void fill(std::mt19937_64& random) {
    for (std::size_t at = 0; at < source.bytes().size(); at += 8) {
      const std::uint64_t word = random();
      std::copy_n(reinterpret_cast<const std::uint8_t*>(&word), 8, &source.bytes()[at]);
    }
  }

  std::unique_ptr<snapshot::Mover> move(hotpair::UniqueFd fd, snapshot::MoverOptions options = {}) {
    auto started =
        snapshot::Mover::start(*tracker, test_hash(), std::move(fd), options, mover_bell.bell());
    CHECK(started.ok());
    return std::move(started).value();
  }
  std::unique_ptr<snapshot::Arrival> arrive(hotpair::UniqueFd fd,
                                            snapshot::ArrivalOptions options = {}) {
    auto started =
        snapshot::Arrival::start(staging, test_hash(), std::move(fd), options, arrival_bell.bell());
    CHECK(started.ok());
    return std::move(started).value();
  }

  // Waits for `nearly` and finishes; false when the load has ended before.
  bool finish(snapshot::Mover& mover) {
    using Phase = snapshot::MoverPhase;
    for (;;) {
      mover_bell.wait_until(
          [&] { return mover.phase() == Phase::kNearly || mover.phase() >= Phase::kDone; });
      if (mover.phase() >= Phase::kDone) return false;
      if (mover.finish() == snapshot::FinishStatus::kTaken) return true;
    }
  }
  bool wait_for(const snapshot::Mover& mover) {
    mover_bell.wait_until([&] { return mover.phase() >= snapshot::MoverPhase::kDone; });
    return mover.phase() == snapshot::MoverPhase::kDone;
  }
  bool wait_for(const snapshot::Arrival& arrival) {
    arrival_bell.wait_until([&] { return arrival.phase() != snapshot::ArrivalPhase::kReceiving; });
    return arrival.phase() == snapshot::ArrivalPhase::kComplete;
  }
  static bool same(const MemoryFile& one, const MemoryFile& other) {
    return std::ranges::equal(one.bytes(), other.bytes());
  }

  MemoryFile source;
  MemoryFile live;
  MemoryFile staged;
  snapshot::Staging staging;
  std::unique_ptr<snapshot::PageTracker> tracker;
  CountingBell mover_bell;
  CountingBell arrival_bell;
};

}  // namespace hotpair::test
