// MoveProgress: how far a load is, readable by any thread while it runs.
//
// One thread writes each word, except `hold_nanos`, which finish() writes. They are for status and
// for throttling and decide nothing, so each is read by itself and may be newer than its neighbour.
#pragma once

#include <atomic>
#include <cstdint>

namespace hotpair::snapshot {

struct MoveProgress {
  // Passes over the region; the first takes all that is to be sent.
  std::atomic<std::uint64_t> rounds{0};
  // On the wire in both directions, headers included; not the last words of a load.
  std::atomic<std::uint64_t> bytes{0};
  // Of the last round of 1 MiB or more; 0 before.
  std::atomic<std::uint64_t> bytes_per_second{0};
  // Pages sent or received, each time counted, those of zeros too.
  std::atomic<std::uint64_t> pages{0};
  // Pages that the last question found written.
  std::atomic<std::uint64_t> dirty_pages{0};
  // The hint to throttle: pages written during the last round for each 1,000 that it sent. At 1,000
  // and above the rounds do not get shorter; at 500 they take twice the time of one. 0 after a
  // round of less than 1 MiB.
  std::atomic<std::uint64_t> written_permille{0};
  // What finish() took of the time in which the state was held still.
  std::atomic<std::uint64_t> hold_nanos{0};
};

// Adds to, or sets, a word that only the calling thread writes.
inline void count(std::atomic<std::uint64_t>& word, std::uint64_t added) noexcept {
  // relaxed: a counter for show; nothing is published by it.
  word.store(word.load(std::memory_order_relaxed) + added, std::memory_order_relaxed);
}
inline void show(std::atomic<std::uint64_t>& word, std::uint64_t value) noexcept {
  word.store(value, std::memory_order_relaxed);  // relaxed: as in count().
}

}  // namespace hotpair::snapshot
