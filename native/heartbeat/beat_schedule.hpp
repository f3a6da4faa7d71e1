// When the next beat is due, and how late this thread itself was.
//
// Beats keep to absolute points in time, so that lateness does not add up; beats that were missed
// are left out and never sent in a burst. WakeWatch tells own lateness from the peer's silence:
// each wake knows when it was planned for, and what lies between plan and wake is nobody's silence.
#pragma once

#include "base/units.hpp"

namespace hotpair::heartbeat {

class BeatSchedule {
 public:
  // The first beat is due at `first`.
  BeatSchedule(Instant first, Nanos interval) noexcept;

  Instant next() const noexcept { return next_; }
  bool is_due(Instant now) const noexcept { return now >= next_; }
  // The beat was sent: the next one is due at the first point of the schedule after `now`.
  void advance(Instant now) noexcept;

 private:
  Instant next_;
  Nanos interval_;
};

// What one wake of the thread found out about itself.
struct Wake {
  // How much later than planned this wake is; 0 when something else woke the thread before.
  Nanos lateness;
  // The same, and what the machine was suspended for since the wake before.
  Nanos stood_still;
};

class WakeWatch {
 public:
  WakeWatch(Instant now, BootInstant boot) noexcept : last_(now), last_boot_(boot) {}

  // `planned` is the deadline that was waited for.
  Wake observe(Instant now, BootInstant boot, Instant planned) noexcept;

 private:
  Instant last_;
  BootInstant last_boot_;
};

}  // namespace hotpair::heartbeat
