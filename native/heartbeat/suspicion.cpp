// The rules of suspicion; see suspicion.hpp for the picture.
#include "heartbeat/suspicion.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hotpair::heartbeat {

Suspicion::Suspicion(Timing timing) noexcept : timing_(timing) { CHECK(timing.is_sound()); }

void Suspicion::hear(Instant now, std::uint64_t answered, bool is_hung) noexcept {
  silent_since_ = now;
  if (is_hung && verdict() != Verdict::kHung) verdict_at_ = now;
  is_hung_ = is_hung;
  verdict_ = Verdict::kNone;
  level_ = Level::kAlive;
  if (is_probing_ && answered >= round_first_seq_) {
    is_probing_ = false;
    is_asked_ = false;
  }
}

void Suspicion::hear_gone(Instant now) noexcept {
  silent_since_ = now;
  is_hung_ = false;
  if (level_ == Level::kUnheard) level_ = Level::kAlive;
  if (verdict_ != Verdict::kProcessGone) find(Verdict::kProcessGone, now);
}

void Suspicion::adopt(Instant now) noexcept {
  silent_since_ = now;
  verdict_ = Verdict::kNone;
  is_hung_ = false;
  level_ = Level::kAlive;
  is_probing_ = false;
  is_asked_ = false;
}

void Suspicion::excuse(Instant now, Nanos lateness) noexcept {
  if (lateness <= timing_.lateness_tolerance()) return;
  const Nanos excused = lateness - timing_.lateness_tolerance();
  silent_since_ = std::min(now, silent_since_ + excused);
  round_since_ = std::min(now, round_since_ + excused);
}

bool Suspicion::wants_round(Instant now) const noexcept {
  if (level_ == Level::kUnheard || is_probing_) return false;
  if (is_asked_) return verdict_ != Verdict::kProcessGone;
  return verdict_ == Verdict::kNone && silence(now) >= timing_.late_after();
}

void Suspicion::begin_round(Instant now, std::uint64_t first_seq) noexcept {
  CHECK(level_ != Level::kUnheard);
  is_asked_ = false;
  is_probing_ = true;
  round_since_ = now;
  round_first_seq_ = first_seq;
}

void Suspicion::judge(Instant now, bool every_path_refused) noexcept {
  if (level_ == Level::kUnheard || verdict_ == Verdict::kProcessGone) return;
  if (is_probing_ && every_path_refused) return find(Verdict::kProcessGone, now);
  // A peer that beats and cannot hear us would be probed for ever: one window is enough to ask.
  if (is_probing_ && now - round_since_ >= timing_.window) is_probing_ = false;
  if (verdict_ != Verdict::kNone) return;
  if (silence(now) >= timing_.window) return find(Verdict::kUnreachable, now);
  if (is_probing_ && now >= suspect_at()) {
    level_ = Level::kSuspect;
  } else if (silence(now) >= timing_.late_after()) {
    level_ = std::max(level_, Level::kLate);
  } else {
    level_ = Level::kAlive;
  }
}

void Suspicion::find(Verdict verdict, Instant now) noexcept {
  CHECK(level_ != Level::kUnheard);
  level_ = Level::kSuspect;
  verdict_ = verdict;
  verdict_at_ = now;
  is_probing_ = false;
  is_asked_ = false;
}

Nanos Suspicion::probe_spacing(Instant now) const noexcept {
  return std::clamp(now - round_since_, kShortestSpacing, timing_.probe_period());
}

Instant Suspicion::suspect_at() const noexcept {
  return std::max(round_since_, silent_since_) + timing_.probe_period();
}

bool Suspicion::is_late(Instant now) const noexcept {
  return verdict_ != Verdict::kNone || silence(now) >= timing_.late_after();
}

Instant Suspicion::next_deadline() const noexcept {
  if (level_ == Level::kUnheard) return kNever;
  Instant next = kNever;
  if (is_probing_) {
    next = level_ == Level::kSuspect ? round_since_ + timing_.window : suspect_at();
  }
  if (verdict_ != Verdict::kNone) return next;
  if (!is_probing_) next = std::min(next, silent_since_ + timing_.late_after());
  return std::min(next, silent_since_ + timing_.window);
}

}  // namespace hotpair::heartbeat
