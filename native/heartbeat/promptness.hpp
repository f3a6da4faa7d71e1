// Promptness: when the beat thread should run before all others, and when it has no right to.
//
// A beat that leaves late looks like a dying member, so the thread asks for real-time priority: it
// sleeps nearly always, and on a crowded machine that is the difference between a tenth of a
// millisecond and a tenth of a second. But a thread that strangers can flood with packets must not
// take a processor away from the application: if it has used more than a quarter of one, it is an
// ordinary thread for a second. Pure: both clocks are arguments.
#pragma once

#include "base/units.hpp"

namespace hotpair::heartbeat {

class Promptness {
 public:
  Promptness(Instant now, Nanos cpu) noexcept : since_(now), cpu_since_(cpu) {}

  // Whether the thread should have real-time priority from now on. `cpu` is the time that it has
  // had a processor for.
  bool observe(Instant now, Nanos cpu) noexcept {
    if (now - since_ < kSpan) return is_frugal_;
    const bool is_greedy = (cpu - cpu_since_) * kShare > now - since_;
    since_ = now;
    cpu_since_ = cpu;
    if (is_greedy) penance_until_ = now + kPenance;
    is_frugal_ = now >= penance_until_;
    return is_frugal_;
  }

 private:
  // Long enough to tell a flood from the burst behind a stall.
  static constexpr Nanos kSpan = Nanos::millis(100);
  // A pair at 1 ms uses about a fiftieth of a processor.
  static constexpr std::int64_t kShare = 4;
  static constexpr Nanos kPenance = Nanos::millis(1'000);

  Instant since_;
  Nanos cpu_since_;
  Instant penance_until_{};
  bool is_frugal_ = true;
};

}  // namespace hotpair::heartbeat
