// The gate: the native word "may send until"; and the arming: which reign the beat thread may give
// up by itself.
//
// The gate is no lease: safety rests on acknowledgement, record and epoch. It makes a member that
// stood still distrust itself: the word is a point on the boot-time clock, at most a window less a
// beat after this member's own last beat, and only a beat thread that runs on time pushes it on.
// Once it has expired it stays shut until JavaScript, which knows why it was open, opens it again.
// The JavaScript thread opens and shuts, the beat thread renews, anyone asks; nobody waits. A
// renewal replaces exactly the word it has read, so it can never open what was shut in between.
//
// The arming is one word that both threads change by exchange: an epoch that may be renounced, or
// an epoch that was. Whoever changes it first has decided: a reign that JavaScript has disarmed
// cannot be renounced behind its back, and one that was renounced is known to JavaScript before it
// decides anything else. Each arming is another word, though it be for the same epoch: what the
// beat thread found out under an earlier one gives it no right under a later. To renounce is to
// shut the gate: as long as the word says renounced the gate is shut, whatever else is written, and
// only JavaScript, by taking it, ends that.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/units.hpp"

namespace hotpair::heartbeat {

// What the beat thread may renounce: one arming of one epoch.
class Arming {
 public:
  // 0 for none.
  std::uint64_t epoch() const noexcept { return word_ & ((std::uint64_t{1} << 53) - 1); }

 private:
  friend class Gate;
  explicit Arming(std::uint64_t word) noexcept : word_(word) {}
  std::uint64_t word_;
};

// The words of a gate, for both threads, which may be of two processes.
struct GateWords {
  explicit GateWords(BootInstant opened_at) noexcept : last_beat(opened_at.nanos) {}

  // ns on the boot-time clock; 0 is shut. Written by both threads.
  std::atomic<std::int64_t> valid_until{0};
  // When this member last sent a regular beat. Written by the beat thread.
  std::atomic<std::int64_t> last_beat;
  // 0, an armed epoch, or a renounced one. Written by both threads.
  std::atomic<std::uint64_t> arming{0};
};

// A view of the words, of which each process has its own.
class Gate {
 public:
  // `words` must live as long as this.
  Gate(GateWords& words, Nanos span) noexcept;

  // Valid from the last own beat on: if the beat thread stands still at this moment, it may have
  // expired already.
  // thread: JavaScript
  void open() noexcept;
  // thread: any
  void shut() noexcept;
  // thread: any
  bool is_open(BootInstant now) const noexcept;

  enum class Renewal : std::uint8_t { kShut, kRenewed, kLapsed };
  // A beat is sent now: pushes the word on, or shuts it when it has expired (a lapse).
  // thread: beat
  Renewal renew(BootInstant now) noexcept;

  // The beat thread may renounce `epoch` from now on; 0 for none. Without effect while something
  // that was renounced is not taken.
  // thread: JavaScript
  void arm(std::uint64_t epoch) noexcept;
  // Returns what was renounced since `arm`, 0 for nothing, and leaves nothing to renounce. The gate
  // is shut when something was.
  // thread: JavaScript
  std::uint64_t disarm() noexcept;
  // Of no epoch once it was renounced.
  // thread: any
  Arming armed() const noexcept;
  // False: this arming is none, or is not any more.
  // thread: beat
  [[nodiscard]] bool renounce(Arming arming) noexcept;

 private:
  // Epochs are safe integers of JavaScript: 53 bits. Above them stands the number of the arming,
  // ten bits that go round; above that the mark of a renounced one.
  static constexpr unsigned kEpochBits = 53;
  static constexpr std::uint64_t kRenounced = std::uint64_t{1} << 63;

  GateWords& words_;
  const Nanos span_;
  // Number of the last arming. Of the JavaScript thread.
  std::uint64_t arming_no_ = 0;
};

}  // namespace hotpair::heartbeat
