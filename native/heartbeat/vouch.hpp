// Vouch: an event loop's proof of life towards its own beat thread.
//
// The beat thread asks by ringing the doorbell, whose native callback answers on the loop's thread
// without running JavaScript. The age is how long the oldest unanswered question has stood; each
// beat says it, so that the other member learns of a hang from a thread that does not hang. It is
// counted in the beat thread's own on-time time: what that thread slept through, the loop had no
// time for either. A block that was announced does not count: until its end the age is 0, and the
// beat says busy instead. Nor does what lies before the loop was last seen to go on with its work.
//
//   loop hangs ──≤ period──► question put ──hang_after──► hung
//
// Pure but for two words that the loop's thread writes; neither waits for the other.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/units.hpp"

namespace hotpair::heartbeat {

class Vouch {
 public:
  // `hang_after` is the age from which on the loop counts as hung.
  Vouch(Instant now, Nanos hang_after) noexcept;

  // The loop runs: when the doorbell's callback says so, and before each decision of JavaScript.
  // thread: JavaScript
  void answer() noexcept;
  // The loop may stand still until `until`; a point that has passed ends what was announced.
  // thread: JavaScript
  void announce_block(Instant until) noexcept;

  // thread: beat, all below

  // Takes note of answers and blocks, and puts the next question when it is due. True: it was put,
  // so the bell must ring.
  bool look(Instant now) noexcept;
  // The loop was seen at work on something else than before: its age counts from here.
  void note_progress(Instant now) noexcept;
  // The beat thread woke `lateness` after the planned time. Call it before `look`.
  void excuse(Instant now, Nanos lateness) noexcept;

  // As of the last look.
  Nanos age(Instant now) const noexcept { return is_open_ ? now - since_ : Nanos{0}; }
  bool is_busy() const noexcept { return is_busy_; }
  // Looks anew whether the question was answered, and at nothing else.
  bool is_hung(Instant now) const noexcept;
  // When the next look may find something new.
  Instant next_deadline(Instant now) const noexcept;

 private:
  // A quarter: a hang is found within five quarters of hang_after, and four rings in that time are
  // nothing to a loop.
  Nanos period() const noexcept { return hang_after_ / 4; }
  bool is_answered() const noexcept;
  void note_block(Instant now) noexcept;

  const Nanos hang_after_;
  // Number of the last question put, and of the last one answered. The first is written by the beat
  // thread, the second by the loop's; equal when nothing is open.
  std::atomic<std::uint32_t> asked_{0};
  std::atomic<std::uint32_t> answered_{0};
  // ns on the monotonic clock; written by the loop's thread.
  std::atomic<std::int64_t> block_until_{0};

  // Of the beat thread: whether a question is open, since when it counts, and when to ask again.
  bool is_open_ = false;
  bool is_busy_ = false;
  Instant since_{};
  Instant ask_at_;
};

}  // namespace hotpair::heartbeat
