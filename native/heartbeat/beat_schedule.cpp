// The arithmetic of the schedule; see beat_schedule.hpp. Pure: `now` is an argument.
#include "heartbeat/beat_schedule.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hotpair::heartbeat {

BeatSchedule::BeatSchedule(Instant first, Nanos interval) noexcept
    : next_(first), interval_(interval) {
  CHECK(interval > Nanos{0});
}

void BeatSchedule::advance(Instant now) noexcept {
  if (now < next_) return;
  const std::int64_t missed = (now - next_).count / interval_.count;
  next_ = next_ + interval_ * (missed + 1);
  CHECK(next_ > now);
}

Wake WakeWatch::observe(Instant now, BootInstant boot, Instant planned) noexcept {
  const Nanos passed = now - last_;
  const Nanos passed_by_boot = boot - last_boot_;
  CHECK(passed >= Nanos{0});
  last_ = now;
  last_boot_ = boot;
  const Nanos lateness = std::max(Nanos{0}, now - planned);
  // The clocks are read one after the other, so a few ns of difference mean nothing.
  const Nanos suspended = std::max(Nanos{0}, passed_by_boot - passed);
  return {lateness, lateness + suspended};
}

}  // namespace hotpair::heartbeat
