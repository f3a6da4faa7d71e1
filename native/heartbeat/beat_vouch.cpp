// The own event loop as its beat thread sees it: its vouch, and the reign that is given up for it;
// see beat_pair.hpp.
//
// A hung member is not struck from outside, it gives up: this thread, which does not hang, does it
// when the other asks and is right. It decides nothing: JavaScript has said by arming in which
// epoch that may happen, and takes the right back before it decides anything itself.
#include <algorithm>
#include <utility>

#include "heartbeat/beat_pair.hpp"
#include "heartbeat/presence_layout.hpp"

namespace hotpair::heartbeat {

void BeatPair::look_at_loop(Instant now) noexcept {
  // The dead do not hang.
  if (is_gone_) return;
  note_frame();
  if (vouch_.look(now)) wants_bell_ = true;
  const bool is_hung = vouch_.is_hung();
  if (is_hung == is_said_hung_) return;
  // The other learns it with this wake, and that it is over too.
  is_said_hung_ = is_hung;
  is_stopped_ = is_hung && stillness.ask != nullptr && stillness.ask(stillness.context);
  wants_beat_ = true;
}

void BeatPair::note_frame() noexcept {
  // relaxed: see beat_board.hpp for when the two halves mean something.
  const std::uint64_t high = words_.board.frame_high.load(std::memory_order_relaxed);
  const std::uint64_t frame = high << 32 | words_.board.frame_low.load(std::memory_order_relaxed);
  if (frame == frame_) return;
  // A loop that goes from frame to frame in one long turn does not come round and does not hang. So
  // a loop that is found hung has stood in the same frame, or outside of any, since the first look
  // at it in this stand-still: a frame begun at the end of another block is never named for it.
  frame_ = frame;
  vouch_.note_progress();
}

// By what was heard with this wake alone: an ask that nobody repeats is no ask, and who ruled a
// while ago may be dead.
void BeatPair::heed_what_was_heard(BootInstant boot) noexcept {
  if (!std::exchange(has_heard_, false)) return;
  give_up_if_asked();
  if (is_said_superseded_ || superseded.ring == nullptr || !is_superseded(boot)) return;
  is_said_superseded_ = true;
  superseded.ring(superseded.context);
}

// Never the last one that holds the state: the other rules in a later reign, and says so itself at
// this moment. Never one that may act again: this thread has given its reign up, and the gate is
// shut. One that hangs before it held a place is let be, or one that is slow to start never would.
bool BeatPair::is_superseded(BootInstant boot) const noexcept {
  if (!config_.kills_hung || is_gone_ || !vouch_.is_hung()) return false;
  const std::uint64_t epoch = presence::word(presence_, presence::kEpoch);
  if (epoch == 0 || view_.renounced_natively != epoch || gate_.is_open(boot)) return false;
  const Presence& heir = view_.peer_presence;
  const std::uint64_t reign = presence::word(heir, presence::kEpoch);
  // Not one that hangs as well, or of which its unit says that it is dead.
  const bool is_well = suspicion_.verdict() == Verdict::kNone;
  return is_well && reign > epoch && presence::is_primary(heir) &&
         presence::word(heir, presence::kRenounced) < reign;
}

void BeatPair::give_up_if_asked() noexcept {
  const std::uint64_t epoch = presence::word(view_.peer_presence, presence::kAskRenounce);
  // Before the look at the loop below: a loop that has decided and armed since then has another
  // arming, and this one is good for nothing.
  const Arming armed = gate_.armed();
  if (epoch == 0 || epoch != armed.epoch()) return;
  // One that has given it up itself cannot go on from here: somebody must be left who can.
  if (presence::word(view_.peer_presence, presence::kRenounced) == epoch) return;
  // Nothing that was announced stands before what was armed.
  if (presence::word(presence_, presence::kEpoch) != epoch) return;
  // A standby gives up for the asking: also when the other has handed its reign over to it, which
  // this one has not heard, and is a standby of the next. A primary gives up only to its standby,
  // and when its event loop hangs: it may have come back since the other found it so.
  if (presence::is_primary(presence_)) {
    const bool is_by_standby = presence::word(view_.peer_presence, presence::kEpoch) == epoch &&
                               !presence::is_primary(view_.peer_presence);
    if (!is_by_standby || !vouch_.is_hung()) return;
  }
  if (!gate_.renounce(armed)) return;
  view_.renounced_natively = epoch;
  wants_beat_ = true;
}

// What the next packet says of this member: what JavaScript announced last, and over it, for as
// long as that speaks of the reign, that the reign was given up.
Presence BeatPair::said_presence() const noexcept {
  Presence said = presence_;
  const std::uint64_t renounced = view_.renounced_natively;
  if (renounced != 0 && presence::word(said, presence::kEpoch) == renounced &&
      presence::word(said, presence::kRenounced) < renounced) {
    store_little<std::uint64_t>(said.data() + presence::kRenounced, renounced);
  }
  return said;
}

void BeatPair::say_of_loop(Beat& beat) const noexcept {
  const std::int64_t age_ms = vouch_.age().count / 1'000'000;
  beat.vouch_age_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(age_ms, UINT32_MAX));
  if (vouch_.is_busy()) beat.flags |= flag::kBusy;
  if (is_gone_) beat.flags |= flag::kGone;
  beat.in_frame = is_stopped_ ? 0 : frame_;
}

// By the peer's own account.
bool BeatPair::is_hung(const Beat& beat) const noexcept {
  const std::int64_t hang_after_ms = config_.timing.hang_after.count / 1'000'000;
  return (beat.flags & flag::kBusy) == 0 && beat.vouch_age_ms >= hang_after_ms;
}

}  // namespace hotpair::heartbeat
