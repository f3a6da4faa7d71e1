// The word and its renewal; see gate.hpp.
#include "heartbeat/gate.hpp"

#include "base/check.hpp"

namespace hotpair::heartbeat {
namespace {

// relaxed: each word is complete in itself, and what the gate guards (the sending of an output) is
// done by the thread that asks, after it has asked.
constexpr std::memory_order kAlone = std::memory_order_relaxed;

}  // namespace

Gate::Gate(Nanos span, BootInstant opened_at) noexcept : span_(span), last_beat_(opened_at.nanos) {
  CHECK(span > Nanos{0} && opened_at.nanos > 0);
}

void Gate::open() noexcept {
  const BootInstant beat{last_beat_.load(kAlone)};
  valid_until_.store((beat + span_).nanos, kAlone);
}

void Gate::shut() noexcept { valid_until_.store(0, kAlone); }

bool Gate::is_open(BootInstant now) const noexcept { return now.nanos < valid_until_.load(kAlone); }

Gate::Renewal Gate::renew(BootInstant now) noexcept {
  last_beat_.store(now.nanos, kAlone);
  std::int64_t until = valid_until_.load(kAlone);
  if (until == 0) return Renewal::kShut;
  const bool has_lapsed = now.nanos >= until;
  const std::int64_t next = has_lapsed ? 0 : (now + span_).nanos;
  // When JavaScript was quicker, its word stands, and the next beat looks at it.
  if (!valid_until_.compare_exchange_strong(until, next, kAlone)) {
    return Renewal::kShut;
  }
  return has_lapsed ? Renewal::kLapsed : Renewal::kRenewed;
}

}  // namespace hotpair::heartbeat
