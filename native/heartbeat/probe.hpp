// What probes of one link have brought: the evidence for `process-gone`.
//
// Pure bookkeeping; the sockets are in link. A path is UDP, a connect to the control port or one to
// the data port. A connect that is accepted proves nothing, for the kernel accepts on behalf of a
// stopped process. One that is refused or reset says that nobody is there, until a later one says
// otherwise. An authentic answer does not show here: it ends the whole round.
#pragma once

#include <cstdint>

#include "base/units.hpp"
#include "heartbeat/timing.hpp"

namespace hotpair::heartbeat {

// Fresh connects to one port, one after the other.
class ConnectProbe {
 public:
  // A round begins: what was found before counts no more.
  void reset(Instant now) noexcept;

  // Whether to begin a connect now; one that has had no reply within `deadline` is given up then.
  bool is_due(Instant now, Nanos deadline) const noexcept;
  Instant next_deadline(Nanos deadline) const noexcept;

  void began(Instant now) noexcept;
  // Established: nothing further is due while it stands.
  void connected() noexcept;
  // Refused, or reset after it was established; the next is due after `spacing`.
  void refused(Instant now, Nanos spacing) noexcept;
  // Ended in another way: no evidence, try again.
  void ended(Instant now, Nanos spacing) noexcept;

  bool is_refused() const noexcept { return is_refused_; }

 private:
  enum class Stage : std::uint8_t { kIdle, kConnecting, kConnected };
  Stage stage_ = Stage::kIdle;
  // The last result of this round.
  bool is_refused_ = false;
  // Of the connect under way.
  Instant began_at_{};
  // When an idle probe is due.
  Instant due_at_{};
};

struct LinkProbes {
  ConnectProbe control;
  ConnectProbe data;
  // Probes by UDP and over connections that still stand are due at this time.
  Instant packets_due{};
  // The first probe of the round by UDP.
  Instant first_packet_at = kNever;
  // The peer's host has refused UDP in this round.
  bool is_udp_refused = false;

  void reset(Instant now) noexcept;
  // Whether every path of this link says that no process is there.
  bool says_gone(Instant now, const Timing& timing) const noexcept;
  // When silence on UDP will have lasted for the grace.
  Instant grace_ends(const Timing& timing) const noexcept;
};

}  // namespace hotpair::heartbeat
