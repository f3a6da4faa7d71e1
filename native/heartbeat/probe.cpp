// Bookkeeping of probes; see probe.hpp.
#include "heartbeat/probe.hpp"

#include "base/check.hpp"

namespace hotpair::heartbeat {

void ConnectProbe::reset(Instant now) noexcept {
  stage_ = Stage::kIdle;
  is_refused_ = false;
  due_at_ = now;
}

bool ConnectProbe::is_due(Instant now, Nanos deadline) const noexcept {
  return now >= next_deadline(deadline);
}

Instant ConnectProbe::next_deadline(Nanos deadline) const noexcept {
  switch (stage_) {
    case Stage::kIdle:
      return due_at_;
    case Stage::kConnecting:
      return began_at_ + deadline;
    case Stage::kConnected:
      return kNever;
  }
  check_failed("a Stage is one of its enumerators", __FILE__, __LINE__);
}

void ConnectProbe::began(Instant now) noexcept {
  stage_ = Stage::kConnecting;
  began_at_ = now;
}

void ConnectProbe::connected() noexcept {
  CHECK(stage_ == Stage::kConnecting);
  stage_ = Stage::kConnected;
  is_refused_ = false;
}

void ConnectProbe::refused(Instant now, Nanos spacing) noexcept {
  ended(now, spacing);
  is_refused_ = true;
}

void ConnectProbe::ended(Instant now, Nanos spacing) noexcept {
  // The end comes within microseconds of an accept by a dying listener: look again soon then.
  due_at_ = now + (stage_ == Stage::kConnected ? kShortestSpacing : spacing);
  stage_ = Stage::kIdle;
}

void LinkProbes::reset(Instant now) noexcept {
  control.reset(now);
  data.reset(now);
  packets_due = now;
  first_packet_at = kNever;
  is_udp_refused = false;
}

bool LinkProbes::says_gone(Instant now, const Timing& timing) const noexcept {
  if (!control.is_refused() || !data.is_refused()) return false;
  return is_udp_refused || now >= grace_ends(timing);
}

Instant LinkProbes::grace_ends(const Timing& timing) const noexcept {
  return first_packet_at == kNever ? kNever : first_packet_at + timing.udp_grace();
}

}  // namespace hotpair::heartbeat
