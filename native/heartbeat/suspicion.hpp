// What silence means: the detector's opinion of the peer, and its finding.
//
// Pure: time and evidence are arguments. Silence is counted in this thread's own on-time time:
// `excuse` takes the thread's own lateness out of it, and never sets it back. Silence alone is
// found at the end of the window and not before; that the process is gone may be found at once, but
// only when every path says so. A fresh packet takes back whatever was found. It may itself say
// that the peer's event loop hangs: that is found at once, and stands until a packet says otherwise
// or silence says worse.
//
//   unheard ──hear──► alive ──1.5 intervals──► late ──probes unanswered──► suspect
//                       ▲                        │                            │
//                       └───────── hear ─────────┴────────────────────────────┘
//   finding, from any but unheard: every path refused → process-gone; window over → unreachable;
//   a packet that says so → hung, or process-gone
//
// A round of probes is over when a packet answers one of its probes: a packet that was on its way
// before proves life then, and not now. Suspicion decides when to probe; probe.hpp says what came
// of it.
#pragma once

#include <cstdint>

#include "base/units.hpp"
#include "heartbeat/timing.hpp"

namespace hotpair::heartbeat {

enum class Level : std::uint32_t { kUnheard = 0, kAlive = 1, kLate = 2, kSuspect = 3 };
enum class Verdict : std::uint32_t { kNone = 0, kProcessGone = 1, kUnreachable = 2, kHung = 3 };

class Suspicion {
 public:
  explicit Suspicion(Timing timing) noexcept;

  // A fresh packet of the known incarnation came; the newest own packet it has heard is `answered`,
  // and by its own account its event loop hangs or not.
  void hear(Instant now, std::uint64_t answered, bool is_hung) noexcept;
  // A fresh packet says that the server of the known incarnation is dead.
  void hear_gone(Instant now) noexcept;
  // Another incarnation took the known one's place: what was found spoke of the former.
  void adopt(Instant now) noexcept;
  // This thread woke `lateness` after the planned time.
  void excuse(Instant now, Nanos lateness) noexcept;
  // Evidence that the peer may be gone: a connection ended, or someone else says so.
  void ask() noexcept { is_asked_ = true; }

  // Whether probes should go out that are not out yet.
  bool wants_round(Instant now) const noexcept;
  // Probes go out now; the first one has the number `first_seq`.
  void begin_round(Instant now, std::uint64_t first_seq) noexcept;
  bool is_probing() const noexcept { return is_probing_; }
  // How long to wait until a probe of this round is repeated: 1 ms at first, because a dying peer's
  // kernel closes its sockets one after the other, then as long as the round has lasted, up to
  // Timing::probe_period. Meaningful while probing.
  Nanos probe_spacing(Instant now) const noexcept;

  // Guarantees: kUnreachable only after a whole window of silence, own lateness taken out.
  void judge(Instant now, bool every_path_refused) noexcept;

  // No packet for so long that the next beat is overdue, or a finding says so.
  bool is_late(Instant now) const noexcept;

  Level level() const noexcept { return level_; }
  Verdict verdict() const noexcept {
    return verdict_ == Verdict::kNone && is_hung_ ? Verdict::kHung : verdict_;
  }
  // Meaningful with a verdict.
  Instant verdict_at() const noexcept { return verdict_at_; }
  // When `judge` may find something new without further evidence.
  Instant next_deadline() const noexcept;

 private:
  Nanos silence(Instant now) const noexcept { return now - silent_since_; }
  // When probes have gone unanswered, and nothing else came, for as long as a probe may take.
  Instant suspect_at() const noexcept;
  void find(Verdict verdict, Instant now) noexcept;

  const Timing timing_;
  Level level_ = Level::kUnheard;
  // Of silence and refusals; never kHung.
  Verdict verdict_ = Verdict::kNone;
  // Of the verdict that is shown.
  Instant verdict_at_{};
  // The newest packet says so.
  bool is_hung_ = false;
  // The last fresh packet, later by what was excused since; never later than now.
  Instant silent_since_{};
  bool is_asked_ = false;
  bool is_probing_ = false;
  Instant round_since_{};
  std::uint64_t round_first_seq_ = 0;
};

}  // namespace hotpair::heartbeat
