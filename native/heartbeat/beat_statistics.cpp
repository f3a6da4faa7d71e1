// Counting; see beat_statistics.hpp.
#include "heartbeat/beat_statistics.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"

namespace hotpair::heartbeat {

std::size_t Histogram::bucket_of(std::uint64_t micros) noexcept {
  static_assert(kLinear == 2 * kPerDoubling,
                "the first doubling begins where the linear part ends");
  if (micros < kLinear) return static_cast<std::size_t>(micros);
  // The leading bit names the doubling, the three behind it the bucket within it.
  const auto doubling = static_cast<std::size_t>(std::bit_width(micros)) - std::bit_width(kLinear);
  const auto within = static_cast<std::size_t>(micros >> (doubling + 1)) - kPerDoubling;
  return std::min(kLinear + doubling * kPerDoubling + within, kBuckets - 1);
}

void Histogram::add(Nanos sample) noexcept {
  CHECK(sample >= Nanos{0});
  const auto nanos = static_cast<std::uint64_t>(sample.count);
  buckets[bucket_of(nanos / 1'000)].add(1);
  if (nanos > longest.value()) longest.set(nanos);
}

void Arrivals::note(const Beat& beat, Instant now, const Timing& timing,
                    PathStatistics& path) noexcept {
  path.heard.add(1);
  if (beat.beat_no <= highest_) {
    // Overtaken on its way: it was counted as lost when the one behind it came.
    if (path.lost.value() > 0) path.lost.set(path.lost.value() - 1);
    return;
  }
  const bool is_regular = (beat.flags & flag::kRegular) != 0;
  if (highest_ != 0) {
    path.lost.add(beat.beat_no - highest_ - 1);
    if (beat.beat_no == highest_ + 1 && is_regular && is_regular_) {
      const Nanos apart = now - at_;
      path.jitter.add(std::max(apart - timing.interval, timing.interval - apart));
      if (apart > timing.late_after()) path.late.add(1);
    }
  }
  highest_ = beat.beat_no;
  at_ = now;
  is_regular_ = is_regular;
}

}  // namespace hotpair::heartbeat
