// Vouch: an event loop's proof of life towards its own beat thread.
//
// The age is how long the turn in which the loop is has kept it from waiting for events again; each
// beat says it, so that the other member learns of a hang from a thread that does not hang. It is
// read off the words of loop_turns.hpp, without asking the loop anything:
//
//   turn begins ──waits──► events come ──hang_after──► hung
//                          └ the age counts from here
//
// A loop that waits may have died in its wait: stopped by a debugger, or given no processor. So one
// that has not turned for a quarter of hang_after is rung awake, and while it leaves that question
// unanswered the age is at least the question's. Nothing is asked of a loop that turns by itself.
//
// Not counted is what the beat thread slept through, for the loop had no time either; what lies
// before the end of a block that was announced (until then the beat says busy instead); and what
// lies before the loop was last seen to go on with its work.
//
// Pure but for the words that the loop's thread writes; neither waits for the other.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/units.hpp"
#include "heartbeat/loop_turns.hpp"

namespace hotpair::heartbeat {

class Vouch {
 public:
  // `hang_after` is the age from which on the loop counts as hung.
  // `block_until` is written by the loop's thread: until then, ns on the monotonic clock, the loop
  // may stand still; a point that has passed ends what was announced.
  Vouch(const LoopWatch& loop, const std::atomic<std::int64_t>& block_until, Instant now,
        Nanos hang_after) noexcept;

  // thread: beat, all below

  // Finds the age. True: the loop has not turned for long, so the bell must ring.
  bool look(Instant now) noexcept;
  // The loop was seen at work on something else than at the last look. Call it before `look`.
  void note_progress() noexcept { has_progress_ = true; }
  // The beat thread woke `lateness` after the planned time. Call it before `look`.
  void excuse(Nanos lateness) noexcept { slept_ = slept_ + lateness; }

  // As of the last look, but 0 as soon as the loop has turned or decided anything since.
  Nanos age() const noexcept { return has_turned() ? Nanos{0} : age_; }
  bool is_hung() const noexcept { return age() >= hang_after_; }
  // As of the last look.
  bool is_busy() const noexcept { return is_busy_; }
  // When the next look may find something new.
  Instant next_deadline() const noexcept;

 private:
  // A quarter: a loop that died in its wait is found within five quarters of hang_after, and four
  // rings in that time are nothing to a loop that has nothing to do.
  Nanos patience() const noexcept { return hang_after_ / 4; }
  bool has_turned() const noexcept;
  Nanos busy_since_turn(Nanos since_turn) const noexcept;
  void begin_turn(std::uint32_t count) noexcept;

  const LoopWatch loop_;
  const std::atomic<std::int64_t>& block_until_;
  const Nanos hang_after_;

  // Of the beat thread. Noted since the last look:
  Nanos slept_{};
  bool has_progress_ = false;
  // As of the last look:
  Instant looked_at_;
  std::uint32_t turn_ = 0;
  Instant turned_at_;
  // How much of this turn does not count.
  Nanos excused_{};
  // Since when a question has stood, if one does.
  bool is_asked_ = false;
  Instant asked_at_{};
  bool is_busy_ = false;
  Nanos age_{};
  // The first moment at which the loop can be hung.
  Instant hung_at_;
};

}  // namespace hotpair::heartbeat
