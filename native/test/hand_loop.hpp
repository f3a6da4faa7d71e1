// An event loop by hand: it waits for events until the test has it stand still.
//
// The words that it writes and its count of waiting are those of a loop of libuv. By default it
// goes by the monotonic clock, for tests with a beat thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"
#include "heartbeat/loop_turns.hpp"

namespace hotpair::test {

class HandLoop {
 public:
  // `clock`, if given, is the hand clock that it goes by.
  explicit HandLoop(const Instant* clock = nullptr) : clock_(clock) { turn(); }

  heartbeat::LoopWatch watch() const {
    return {&turns_,
            [](const void* self) noexcept { return static_cast<const HandLoop*>(self)->waited(); },
            this};
  }

  // It comes round, and waits.
  void turn() { turns_.note(now(), waited()); }
  // Its wait ends now, and it does not come round.
  void stand() { left_at_.store(now().nanos, std::memory_order_release); }
  bool stands() const { return left_at_.load(std::memory_order_acquire) != 0; }
  // It comes round after all.
  void go_on() {
    left_at_.store(0, std::memory_order_release);
    turn();
  }

 private:
  Instant now() const { return clock_ == nullptr ? monotonic_now() : *clock_; }
  // As if it had waited since the clock began; only differences within a turn mean something.
  Nanos waited() const {
    const std::int64_t left_at = left_at_.load(std::memory_order_acquire);
    return {left_at == 0 ? now().nanos : left_at};
  }

  const Instant* const clock_;
  heartbeat::LoopTurns turns_;
  std::atomic<std::int64_t> left_at_{0};
};

}  // namespace hotpair::test
