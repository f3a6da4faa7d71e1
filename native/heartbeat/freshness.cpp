// The rules of freshness; see freshness.hpp.
#include "heartbeat/freshness.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace hotpair::heartbeat {

PeerIdentity::PeerIdentity(std::uint64_t own_incarnation, Timing timing, unsigned paths) noexcept
    : own_incarnation_(own_incarnation), timing_(timing), paths_(paths) {
  CHECK(own_incarnation != 0 && paths > 0);
}

void PeerIdentity::expect(std::uint64_t incarnation) noexcept {
  CHECK(known_ == 0 && incarnation != 0);
  known_ = incarnation;
  is_expected_ = true;
}

Freshness PeerIdentity::observe(const Beat& beat, const Circumstances& at) noexcept {
  CHECK(beat.incarnation != 0 && beat.seq != 0);
  if (beat.echo.incarnation != own_incarnation_) return Freshness::kUnproven;
  if (has_heard(beat.incarnation)) return observe_known(beat, at);
  if (!is_proof(beat, at)) return Freshness::kUnproven;
  const bool has_place = known_ == 0 || beat.incarnation == known_;
  if (has_place || at.is_known_late || at.has_connection_ended) return adopt(beat, at);
  if (!candidate_) {
    candidate_until_ = at.now + timing_.late_after();
    candidate_ = beat;
  } else if (candidate_->incarnation == beat.incarnation && beat.seq > candidate_->seq) {
    candidate_ = beat;
  }
  return Freshness::kWaiting;
}

Freshness PeerIdentity::observe_known(const Beat& beat, const Circumstances& at) noexcept {
  if (beat.seq > highest_seq_) {
    const std::uint64_t step = std::min(beat.seq - highest_seq_, kReorderSpan);
    for (std::uint64_t i = 0; i < step; ++i) copies_[(beat.seq - i) % kReorderSpan] = 0;
    copies_[beat.seq % kReorderSpan] = 1;
    highest_seq_ = beat.seq;
    floor_ = at.own_seq;
    if (candidate_) ++refused_count_;
    candidate_.reset();
    return Freshness::kFresh;
  }
  if (highest_seq_ - beat.seq >= kReorderSpan) return Freshness::kReplayed;
  std::uint8_t& copies = copies_[beat.seq % kReorderSpan];
  if (copies >= paths_) return Freshness::kReplayed;
  ++copies;
  return Freshness::kDuplicate;
}

bool PeerIdentity::is_proof(const Beat& beat, const Circumstances& at) const noexcept {
  if (beat.echo.seq <= floor_ || beat.echo.seq > at.own_seq) return false;
  const Instant echoed{beat.echo.sent_at};
  return echoed <= at.now && echoed + timing_.window >= at.now;
}

Freshness PeerIdentity::adopt(const Beat& beat, const Circumstances& at) noexcept {
  CHECK(!has_heard(beat.incarnation));
  if (known_ != 0 && known_ != beat.incarnation) gone_ = known_;
  known_ = beat.incarnation;
  is_expected_ = false;
  highest_seq_ = beat.seq;
  copies_.fill(0);
  copies_[beat.seq % kReorderSpan] = 1;
  floor_ = at.own_seq;
  candidate_.reset();
  return Freshness::kAdopted;
}

std::optional<Beat> PeerIdentity::settle(const Circumstances& at) noexcept {
  if (!candidate_) return {};
  const bool is_silent = at.is_known_late || at.has_connection_ended;
  if (!is_silent && at.now < candidate_until_) return {};
  const Beat beat = *candidate_;
  adopt(beat, at);
  return beat;
}

bool PeerIdentity::is_newest_of_known(const Beat& beat) const noexcept {
  return known_ != 0 && has_heard(beat.incarnation) && beat.echo.incarnation == own_incarnation_ &&
         beat.seq >= highest_seq_;
}

}  // namespace hotpair::heartbeat
