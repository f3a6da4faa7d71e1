// Words shared between processes where nothing can wake another process; see shared_word.hpp.
// A look every 5 ms: twice as often would cost twice the wakes of an idle machine for 2 ms more.
#if !defined(__linux__) || defined(HOTPAIR_USE_POLL)

#include <poll.h>

#include "base/clock.hpp"
#include "base/shared_word.hpp"

namespace hotpair {

void wait_on(const SharedWord& word, std::uint32_t expected, Nanos most) noexcept {
  constexpr int look_millis = 5;
  const Instant deadline = monotonic_now() + most;
  // acquire: what was written before the word is seen with it.
  while (word.load(std::memory_order_acquire) == expected && monotonic_now() < deadline) {
    static_cast<void>(::poll(nullptr, 0, look_millis));
  }
}

void wake_all(const SharedWord&) noexcept {}

}  // namespace hotpair

#endif
