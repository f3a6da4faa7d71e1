// Reads a page that another thread may be writing at this moment.
//
// A load copies a region while the application works on it. What is read then may be half old and
// half new, and that is right: the writer marks the page as written again, and it is copied again.
// What must not be is undefined behaviour on our side, so each word is loaded atomically (relaxed:
// no order among the words is needed, whoever needs one stops the writer first). memcpy makes no
// such promise. Eight bytes a load are as fast as memory delivers them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "snapshot/page_set.hpp"

namespace hotpair::snapshot {

// Requires: `at` is aligned to 8 bytes.
inline std::uint64_t load_racing(const std::uint8_t* at) noexcept {
  // relaxed: see above.
  return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(at), __ATOMIC_RELAXED);
}

// Copies one page. Requires: both are aligned to 8 bytes; nobody else touches `into`.
inline void copy_racing_page(std::uint8_t* into, const std::uint8_t* from) noexcept {
  // The processor looks ahead within a page only, and the next page is most often next: asked for
  // half a page ahead, a region is copied a quarter faster. What lies behind its end is not read.
  constexpr std::size_t kAhead = kPageBytes / 2;
  for (std::size_t i = 0; i < kPageBytes; i += 64) {
    __builtin_prefetch(from + i + kAhead);
    for (std::size_t j = i; j < i + 64; j += 8) {
      const std::uint64_t word = load_racing(from + j);
      std::memcpy(into + j, &word, sizeof word);
    }
  }
}

// Whether one page differs from `known`, which nobody else touches.
inline bool differs_racing_page(const std::uint8_t* known, const std::uint8_t* from) noexcept {
  // Words of 64 bytes are joined before the branch, so that it costs nothing.
  for (std::size_t i = 0; i < kPageBytes; i += 64) {
    std::uint64_t difference = 0;
    for (std::size_t j = i; j < i + 64; j += 8) {
      std::uint64_t word;
      std::memcpy(&word, known + j, sizeof word);
      difference |= word ^ load_racing(from + j);
    }
    if (difference != 0) return true;
  }
  return false;
}

}  // namespace hotpair::snapshot
