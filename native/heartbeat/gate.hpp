// The gate: the native word "may send until".
//
// It is no lease: safety rests on acknowledgement, record and epoch. It makes a member that stood
// still distrust itself: the word is a point on the boot-time clock, at most a window less a beat
// after this member's own last beat, and only a beat thread that runs on time pushes it on. Once
// it has expired it stays shut until JavaScript, which knows why it was open, opens it again.
//
// The JavaScript thread opens and shuts, the beat thread renews, anyone asks; nobody waits. A
// renewal replaces exactly the word it has read, so it can never open what was shut in between.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/units.hpp"

namespace hotpair::heartbeat {

class Gate {
 public:
  Gate(Nanos span, BootInstant opened_at) noexcept;

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

 private:
  const Nanos span_;
  // ns on the boot-time clock; 0 is shut. Written by both threads.
  std::atomic<std::int64_t> valid_until_{0};
  // When this member last sent a regular beat. Written by the beat thread.
  std::atomic<std::int64_t> last_beat_;
};

}  // namespace hotpair::heartbeat
