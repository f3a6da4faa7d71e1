// The arithmetic of the vouch; see vouch.hpp.
#include "heartbeat/vouch.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace hotpair::heartbeat {
namespace {

// relaxed: a block says all by itself, and what stands beside a count was written before it.
constexpr std::memory_order kAlone = std::memory_order_relaxed;

// The words may have been written by a broken neighbour: no sum of two that are bounded, and of all
// the spans here, is beyond what 64 bits hold. 73 years are enough for any clock.
constexpr std::int64_t kFarthest = INT64_MAX / 4;

std::int64_t bounded(std::int64_t nanos) noexcept {
  return std::clamp<std::int64_t>(nanos, -1, kFarthest);
}

}  // namespace

Vouch::Vouch(const LoopWatch& loop, const std::atomic<std::int64_t>& block_until, Instant now,
             Nanos hang_after) noexcept
    : loop_(loop),
      block_until_(block_until),
      hang_after_(hang_after),
      looked_at_(now),
      turned_at_(now),
      hung_at_(now + hang_after) {
  CHECK(loop.turns != nullptr && loop.waited != nullptr);
  CHECK(hang_after > Nanos{0});
}

bool Vouch::has_turned() const noexcept {
  return loop_.turns->count.load(std::memory_order_acquire) != turn_;  // pairs with note()
}

void Vouch::begin_turn(std::uint32_t count) noexcept {
  turn_ = count;
  excused_ = Nanos{0};
  is_asked_ = false;
}

Nanos Vouch::busy_since_turn(Nanos since_turn) const noexcept {
  // acquire: a later turn's word comes with that turn's beginning, which is found here.
  const Nanos before{bounded(loop_.turns->waited.load(std::memory_order_acquire))};
  if (bounded(loop_.turns->began_at.load(kAlone)) != turned_at_.nanos) return Nanos{0};
  const Nanos in_all{bounded(loop_.waited(loop_.context).count)};
  if (in_all < Nanos{0}) return Nanos{0};
  const Nanos waited = in_all - before;
  // The wait is read after `now`, and by another clock on some systems.
  return std::clamp(since_turn - waited, Nanos{0}, since_turn);
}

bool Vouch::look(Instant now) noexcept {
  const Nanos since_look = now - std::exchange(looked_at_, now);
  const Nanos slept = std::exchange(slept_, Nanos{0});
  const bool has_progress = std::exchange(has_progress_, false);
  const std::uint32_t count = loop_.turns->count.load(std::memory_order_acquire);  // see note()
  if (count != turn_) begin_turn(count);
  turned_at_ = Instant{bounded(loop_.turns->began_at.load(kAlone))};
  const Nanos since_turn = std::max(Nanos{0}, now - turned_at_);
  const Instant until{bounded(block_until_.load(kAlone))};
  const Nanos since_block = now - std::min(now, until);
  is_busy_ = now < until;
  if (is_asked_) asked_at_ = std::min(now, std::max(asked_at_, now - since_block) + slept);

  // Progress tells something about this turn only if it was under way at the look before.
  const bool is_in_mid_turn = has_progress && since_turn > since_look;
  if (since_turn < patience() && !is_in_mid_turn) {
    // Too short to be worth the lock: a loop that turns all the time is left alone.
    excused_ = std::min(excused_ + slept, since_turn);
    age_ = Nanos{0};
    hung_at_ = std::max(turned_at_, until) + hang_after_;
    return false;
  }
  const Nanos busy = busy_since_turn(since_turn);
  excused_ = std::min(busy, std::max(excused_, busy - since_block) + slept);
  if (is_in_mid_turn && busy > since_look) {
    // The loop was out of its wait at the look before, and has gone on since. Had it come out of
    // its wait later, what it does now would have been begun with it.
    excused_ = busy;
    asked_at_ = now;
  }
  const bool has_question = !is_asked_ && since_turn >= patience();
  if (has_question) {
    is_asked_ = true;
    asked_at_ = now;
  }
  age_ = std::max(busy - excused_, is_asked_ ? now - asked_at_ : Nanos{0});
  hung_at_ = std::max(now, until) + (hang_after_ - age_);
  return has_question;
}

Instant Vouch::next_deadline() const noexcept {
  // Nothing new but its end, which the next beat will say.
  if (age_ >= hang_after_) return kNever;
  return is_asked_ ? hung_at_ : std::min(hung_at_, turned_at_ + patience());
}

}  // namespace hotpair::heartbeat
