// The words of one vow in shared memory, and what they say.
//
// The guarded process writes both; the kernel writes `owner` when its thread ends; the watcher
// only reads. The values of `owner` are those of a robust futex, whose format is the kernel's:
//
//   0                     no vow was made yet
//   waiters | thread      the vow holds; `thread` is the id of the thread that keeps it
//   waiters | died        the thread has ended: written by the kernel, which clears the id
//   waiters | died | id   a signal handler says that the process is about to end
//   waiters               given back: the process goes on, or ends, in order
//
// The bit for waiters is always set, because the kernel wakes only where it is. Anything else was
// written by somebody who should not, and then nothing that the word says counts any more. A word
// is vowed on once: a new process makes a region of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/shared_word.hpp"

namespace hotpair::vigil {

// A line of the processor's cache, so that nothing else disturbs those who wait.
inline constexpr std::size_t kVowBytes = 64;

struct alignas(kVowBytes) VowWords {
  // By the vow and the kernel, read by the watcher; see above.
  SharedWord owner{0};
  // The signal that ends the process, or 0. By the signal handler, before it changes `owner`.
  SharedWord crash{0};
  std::uint32_t zero[14] = {};
};
static_assert(sizeof(VowWords) == kVowBytes && std::is_standard_layout_v<VowWords>);
static_assert(offsetof(VowWords, owner) == 0 && offsetof(VowWords, crash) == 4);
static_assert(std::is_trivially_destructible_v<VowWords>);

// The layout of these words, for RegionKind::layout of a region that begins with them.
inline constexpr std::uint32_t kVowLayout = 1;

// FUTEX_WAITERS, FUTEX_OWNER_DIED and FUTEX_TID_MASK of the kernel.
inline constexpr std::uint32_t kWaiters = 0x8000'0000;
inline constexpr std::uint32_t kOwnerDied = 0x4000'0000;
inline constexpr std::uint32_t kThreadMask = 0x3fff'ffff;

enum class VowState : std::uint8_t { kNone, kHeld, kDied, kReleased, kUnclear };

// What `owner` says to one who has seen the vow held by `known_thread` (0: has not seen it held).
constexpr VowState vow_state(std::uint32_t owner, std::uint32_t known_thread) noexcept {
  const std::uint32_t thread = owner & kThreadMask;
  const bool is_known = known_thread == 0 || thread == known_thread;
  if (owner == 0) return known_thread == 0 ? VowState::kNone : VowState::kUnclear;
  if ((owner & kWaiters) == 0) return VowState::kUnclear;
  if ((owner & kOwnerDied) != 0) {
    return thread == 0 || is_known ? VowState::kDied : VowState::kUnclear;
  }
  if (thread == 0) return VowState::kReleased;
  return is_known ? VowState::kHeld : VowState::kUnclear;
}

}  // namespace hotpair::vigil
