// LatestValue<T>: the newest value of one writing thread, read whole by others, without a lock.
//
// A sequence counter stands before the value: odd while the writer is at work, and two higher after
// each write. A reader that finds it odd or changed has read nothing and may try again; the number
// of its tries is the caller's bound, because a writer that was taken off its processor in the
// middle must not hold a reader for ever. Every word is atomic, so this is no data race; the words
// are stored by release and loaded by acquire because fences are unknown to the thread sanitizer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hotpair {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

template <typename T>
class LatestValue {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);

 public:
  // thread: the writer
  void write(const T& value) noexcept {
    std::uint64_t words[kWords];
    std::memcpy(words, &value, sizeof(T));
    // relaxed: only this thread writes the sequence.
    const std::uint32_t before = sequence_.load(std::memory_order_relaxed);
    // relaxed: the release of each word below makes it visible before that word.
    sequence_.store(before + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < kWords; ++i) {
      words_[i].store(words[i], std::memory_order_release);  // pairs with the acquire in try_read()
    }
    sequence_.store(before + 2, std::memory_order_release);  // pairs with the acquire in try_read()
  }

  // Reads into `value`; false, and nothing is read, when a write came in between.
  // thread: any
  bool try_read(T& value) const noexcept {
    std::uint64_t words[kWords];
    const std::uint32_t before = sequence_.load(std::memory_order_acquire);  // see write()
    if (before % 2 != 0) return false;
    for (std::size_t i = 0; i < kWords; ++i) {
      words[i] = words_[i].load(std::memory_order_acquire);  // see write()
    }
    // relaxed: the acquires above keep this load behind them.
    if (sequence_.load(std::memory_order_relaxed) != before) return false;
    std::memcpy(&value, words, sizeof(T));
    return true;
  }

  static constexpr std::size_t sequence_offset() { return 0; }
  // Where the value begins; the offset of a field is this plus its offset in T.
  static constexpr std::size_t value_offset() { return 8; }

 private:
  static constexpr std::size_t kWords = sizeof(T) / 8;

  std::atomic<std::uint32_t> sequence_{0};
  std::uint32_t zero_ = 0;
  std::atomic<std::uint64_t> words_[kWords]{};
};

}  // namespace hotpair
