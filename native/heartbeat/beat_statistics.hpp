// What the beats of each link were like: counters and histograms, from the opening of the pair on.
//
// They lie behind the beat board, are written by the beat thread alone and read one by one: each
// only grows, so that a reader who wants a span of time takes the difference of two looks. Nothing
// is allocated, and a sample costs one addition. A histogram is log-linear: whole microseconds
// below 16, then eight buckets a doubling, so that a value is known to an eighth, up to 16.8
// seconds; whatever is longer falls into the last bucket.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/units.hpp"
#include "heartbeat/beat_layout.hpp"
#include "heartbeat/timing.hpp"

namespace hotpair::heartbeat {

// One number that the beat thread raises. Its readers want nothing else that was written with it,
// so all its accesses are relaxed.
class Count {
 public:
  // thread: beat
  void add(std::uint64_t much) noexcept { set(value() + much); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  // thread: any
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(Count) == 8);

struct Histogram {
  // Both are facts for JavaScript, which computes the bounds of the buckets from them.
  static constexpr std::size_t kLinear = 16;
  static constexpr std::size_t kPerDoubling = 8;
  // 2^4 to 2^24 us.
  static constexpr std::size_t kBuckets = kLinear + 20 * kPerDoubling;

  // The bucket of `micros`.
  static std::size_t bucket_of(std::uint64_t micros) noexcept;

  // Requires: `sample` is not negative.
  // thread: beat
  void add(Nanos sample) noexcept;

  // ns, the longest sample.
  Count longest;
  std::array<Count, kBuckets> buckets;
};

struct PathStatistics {
  // Beats handed to the system; heard; missing in the numbers of those that were heard; heard more
  // than half an interval after they were due.
  Count sent;
  Count heard;
  Count lost;
  Count late;
  // How far the time between two beats that follow each other by schedule is from an interval.
  Histogram jitter;
};

struct LinkStatistics {
  PathStatistics udp;
  PathStatistics tcp;
  // From sending a packet to hearing it echoed, less what the peer held it; counted on the link
  // that brought the echo.
  Histogram round_trip;
};

// Of all links that a pair may have; those of links that it does not have stay zero.
struct BeatStatistics {
  std::array<LinkStatistics, kMostLinks> links;
  // 1 while the beat thread has real-time priority, else 0.
  Count realtime;
};

// What one path has brought, in the hands of the beat thread.
class Arrivals {
 public:
  // Another sender, or another connection: numbers begin anew.
  void reset() noexcept { *this = {}; }
  // A beat came; not one that is older than reordering explains.
  void note(const Beat& beat, Instant now, const Timing& timing, PathStatistics& path) noexcept;

 private:
  // The highest number heard; 0 before the first.
  std::uint64_t highest_ = 0;
  // When it came, and whether it had left by the schedule.
  Instant at_{};
  bool is_regular_ = false;
};

}  // namespace hotpair::heartbeat
