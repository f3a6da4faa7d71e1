// The times of one pair: three are chosen by the user, all others follow from them here.
//
// Interval: between two beats. Window: of silence until the verdict `unreachable`. Hang after: age
// of the vouch from which on the event loop counts as hung. Everything that waits in this folder
// waits for one of the spans below, so that the sum of a takeover can be read off one page.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/units.hpp"

namespace hotpair::heartbeat {

// Links that one pair may have.
inline constexpr std::size_t kMostLinks = 4;

// Between two probes of one path at least: below it a dying peer's kernel is only kept busy.
inline constexpr Nanos kShortestSpacing = Nanos::millis(1);

struct Timing {
  Nanos interval;
  Nanos window;
  Nanos hang_after = Nanos::millis(500);

  // With fewer than three beats in a window, one lost beat and one late one would be a verdict.
  constexpr bool is_sound() const {
    return interval >= Nanos::millis(1) && interval <= Nanos::millis(10'000) &&
           window >= interval * 3 && window <= Nanos::millis(600'000) &&
           hang_after >= Nanos::millis(10) && hang_after <= Nanos::millis(600'000);
  }

  // Silence after which a beat is late: half an interval for the scheduler of either side. At 1.0
  // every beat would be late; at 2.0 half of a three-beat window would pass unprobed.
  constexpr Nanos late_after() const { return interval * 3 / 2; }

  // Between two probes of one path, once a round has lasted. Above 10 ms a refusal that was missed
  // would cost more than a takeover should.
  constexpr Nanos probe_period() const {
    return std::clamp(interval / 4, kShortestSpacing, Nanos::millis(10));
  }

  // How long UDP must stay silent to probes when every connect is refused: the time in which a
  // living peer's beat thread would have answered.
  constexpr Nanos udp_grace() const { return std::min(interval / 2, Nanos::millis(20)); }

  // For a connect that the network neither carries nor refuses.
  constexpr Nanos dial_deadline() const { return std::max(interval, Nanos::millis(50)); }

  // Own lateness below this is what an idle machine does, and counts as silence all the same.
  constexpr Nanos lateness_tolerance() const { return std::max(interval / 8, Nanos::micros(100)); }

  // How far ahead the gate may be valid. A renewal follows a beat by less than an interval, so the
  // gate ends before the listener's window after that beat does.
  constexpr Nanos gate_span() const { return window - interval; }
};

// Until a connection must have shown one fresh packet.
inline constexpr Nanos kAuthenticateWithin = Nanos::millis(1'000);
// Between two dials: doubled from the first to the second; the first also paces dials by evidence.
inline constexpr Nanos kFirstRedial = Nanos::millis(10);
inline constexpr Nanos kLongestRedial = Nanos::millis(1'000);

}  // namespace hotpair::heartbeat
