// AnswerBudget: how many packets of strangers, or of recordings, are answered.
//
// A packet that does not prove itself is answered so that its sender can; a flood of recordings
// must not make this member a loudspeaker. Tokens come back with time, up to a burst. The fresh
// probes of the known peer are not counted: a recording cannot use up what they need.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.hpp"

namespace hotpair::heartbeat {

class AnswerBudget {
 public:
  bool take(Instant now) noexcept {
    const std::int64_t earned = (now - since_).count / kEvery.count;
    if (earned > 0) {
      tokens_ = std::min(kBurst, tokens_ + earned);
      since_ = since_ + kEvery * earned;
    }
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }

 private:
  // All paths of four links, twice.
  static constexpr std::int64_t kBurst = 32;
  // At most 2,000 answers a second: 0.5 MB/s, and far more than any handshake needs.
  static constexpr Nanos kEvery = Nanos::micros(500);

  std::int64_t tokens_ = kBurst;
  Instant since_{};
};

}  // namespace hotpair::heartbeat
