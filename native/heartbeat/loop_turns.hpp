// What an event loop shows of its life to a thread that watches it.
//
// The loop's thread writes three words at the beginning of each turn, before it waits for events,
// and before each decision of JavaScript. What has passed since then, less what the loop has waited
// since then, is how long the turn has kept it busy: exact to the moment at which the wait ended,
// and nobody has to ask. The words have one writer and no pointer, so they may lie in memory that
// two processes share; how long the loop has waited can only be read inside its own process.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/units.hpp"

namespace hotpair::heartbeat {

struct LoopTurns {
  // Number of turns and decisions; goes round.
  std::atomic<std::uint32_t> count{0};
  // When the last of them began: ns on the monotonic clock.
  std::atomic<std::int64_t> began_at{0};
  // How long the loop had waited for events until then, in all: ns.
  std::atomic<std::int64_t> waited{0};

  // thread: JavaScript
  void note(Instant now, Nanos waited_so_far) noexcept {
    // relaxed: it is published by the words after it, each of which says what stands before it.
    began_at.store(now.nanos, std::memory_order_relaxed);
    waited.store(waited_so_far.count, std::memory_order_release);  // pairs with vouch.cpp
    const std::uint32_t next = count.load(std::memory_order_relaxed) + 1;
    count.store(next, std::memory_order_release);  // pairs with vouch.cpp
  }
};

// Where a beat thread finds its event loop.
struct LoopWatch {
  const LoopTurns* turns = nullptr;
  // How long the loop has waited for events so far, a wait under way included. It may take a lock
  // that the loop's thread holds for some ns at the beginning and the end of each wait. Negative:
  // not known; then the age of the turn says nothing, and an unanswered question alone does.
  // thread: any
  Nanos (*waited)(const void* context) noexcept = nullptr;
  const void* context = nullptr;
};

}  // namespace hotpair::heartbeat
