// Waiting for a word that another process may change, and waking those who wait.
//
// On Linux it is the futex of the word's page, so it works between any two mappings of one piece
// of shared memory, and the kernel itself can wake. Elsewhere nobody can be woken in another
// process: waiting is looking every few milliseconds (kWakesAcrossProcesses says so).
// shared_word_linux.cpp and shared_word_posix.cpp each define the functions; one is compiled.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/units.hpp"

namespace hotpair {

#if defined(__linux__) && !defined(HOTPAIR_USE_POLL)
inline constexpr bool kWakesAcrossProcesses = true;
#else
inline constexpr bool kWakesAcrossProcesses = false;
#endif

using SharedWord = std::atomic<std::uint32_t>;
static_assert(SharedWord::is_always_lock_free && sizeof(SharedWord) == 4);

// Returns when the word is not `expected`, when it was woken, when `most` has passed, or for no
// reason: the caller looks at the word again. The word must be mapped; it is not written.
// thread: any
void wait_on(const SharedWord& word, std::uint32_t expected, Nanos most) noexcept;

// Wakes all who wait on the word, in every process. Async-signal-safe; errno is kept.
// thread: any
void wake_all(const SharedWord& word) noexcept;

}  // namespace hotpair
