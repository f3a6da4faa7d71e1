// ServiceManager: whoever has started the unit as a service and waits to hear how it fares:
// systemd, or another that speaks as it does.
//
// Each word is a datagram of lines to a Unix socket that the environment names (sd_notify(3)):
// READY=1 and STATUS= once it listens, STATUS= when that changes, WATCHDOG=1 as long as it lives,
// STOPPING=1 when it ends. Nothing here waits: what finds no room, or nobody there, is said again a
// second later, and a service manager that never listens harms nobody.
//
// A watchdog answered by a timer proves that the timer lives. So each answer is preceded by a
// question to the part that the unit is there for, which is its owner's to ask: see UnitHost.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"

namespace hotpair::unit {

class ServiceManager {
 public:
  // Answers within one time of the watchdog: one that comes late by two of them is in time still.
  static constexpr std::int64_t kAnswersInTime = 4;
  static constexpr Nanos kRetry = Nanos::millis(1'000);
  static constexpr std::size_t kMostStatusBytes = 160;

  // Nobody: nothing is said.
  ServiceManager() noexcept = default;
  // `address`: the path of a socket, or an abstract name after '@'; empty: nobody. `watchdog`: the
  // longest silence that is no reason to end the unit; 0: it may be silent. Fails with kAddress
  // when the address is none.
  static Result<ServiceManager> open(std::string_view address, Nanos watchdog,
                                     Instant now) noexcept;

  // The unit listens, and does this at the moment: a line for people, cut off where it is too long.
  void set_status(std::string_view status) noexcept;
  // Says what was not said yet.
  void tell(Instant now) noexcept;
  bool is_watchdog_due(Instant now) const noexcept { return now >= watchdog_due_; }
  // `is_alive`: what was asked since the last time has answered.
  void answer_watchdog(Instant now, bool is_alive) noexcept;
  // The last word.
  void say_stopping() noexcept;
  // When there is something to do though nothing happens; kNever: not by itself.
  Instant next() const noexcept;

 private:
  bool say(std::string_view text) const noexcept;

  // -1: nobody.
  UniqueFd socket_;
  // As in sockaddr_un: an abstract name begins with a zero and has no end but its length.
  std::array<char, 108> name_{};
  std::size_t name_bytes_ = 0;
  Nanos every_{};
  Instant watchdog_due_ = kNever;
  // "READY=1\nSTATUS=" and the status.
  std::array<char, kMostStatusBytes + 16> status_{};
  std::size_t status_bytes_ = 0;
  // When the status is said, again where that failed; kNever: it was.
  Instant status_due_ = kNever;
};

}  // namespace hotpair::unit
