// ThreadOwner: proves that an object is used by one thread only.
//
// The first thread that calls `check()` owns the object; a call from another one is a CHECK, in
// release builds too. `hand_over()` lets the next caller become the owner, for objects that are
// made by one thread and then live on another.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/check.hpp"

namespace hotpair {

// A number that is different in each living thread, never 0.
// thread: any
inline std::uintptr_t this_thread_mark() noexcept {
  static thread_local const char mark = 0;
  return reinterpret_cast<std::uintptr_t>(&mark);
}

class ThreadOwner {
 public:
  void check() noexcept {
    const std::uintptr_t self = this_thread_mark();
    std::uintptr_t owner = 0;
    // relaxed: only this word is compared; what the object holds is published by other means.
    if (owner_.compare_exchange_strong(owner, self, std::memory_order_relaxed)) return;
    CHECK(owner == self);
  }

  // Requires: the former owner touches the object no more.
  void hand_over() noexcept {
    // relaxed: as in check().
    owner_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uintptr_t> owner_{0};
};

}  // namespace hotpair
