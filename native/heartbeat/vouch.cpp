// The arithmetic of the vouch; see vouch.hpp.
#include "heartbeat/vouch.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hotpair::heartbeat {
namespace {

// relaxed: each word says all by itself. That the loop ran is the whole message of an answer, and
// nothing that it wrote is read on the strength of it.
constexpr std::memory_order kAlone = std::memory_order_relaxed;

}  // namespace

Vouch::Vouch(Instant now, Nanos hang_after) noexcept : hang_after_(hang_after), ask_at_(now) {
  CHECK(hang_after > Nanos{0});
}

void Vouch::answer() noexcept { answered_.store(asked_.load(kAlone), kAlone); }

void Vouch::announce_block(Instant until) noexcept { block_until_.store(until.nanos, kAlone); }

bool Vouch::look(Instant now) noexcept {
  if (is_answered()) is_open_ = false;
  note_block(now);
  if (is_open_ || now < ask_at_) return false;
  asked_.store(asked_.load(kAlone) + 1, kAlone);
  is_open_ = true;
  since_ = now;
  ask_at_ = now + period();
  return true;
}

bool Vouch::is_answered() const noexcept { return answered_.load(kAlone) == asked_.load(kAlone); }

bool Vouch::is_hung(Instant now) const noexcept {
  return is_open_ && now - since_ >= hang_after_ && !is_answered();
}

// What lies before the end of a block is not counted.
void Vouch::note_block(Instant now) noexcept {
  const Instant until{block_until_.load(kAlone)};
  is_busy_ = now < until;
  since_ = std::max(since_, std::min(now, until));
}

void Vouch::note_progress(Instant now) noexcept { since_ = std::max(since_, now); }

void Vouch::excuse(Instant now, Nanos lateness) noexcept {
  note_block(now);
  since_ = std::min(now, since_ + lateness);
}

Instant Vouch::next_deadline(Instant now) const noexcept {
  if (!is_open_) return ask_at_;
  if (is_hung(now)) return kNever;
  const Instant until{block_until_.load(kAlone)};
  return std::max(since_, until) + hang_after_;
}

}  // namespace hotpair::heartbeat
