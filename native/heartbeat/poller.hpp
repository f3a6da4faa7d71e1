// Poller: waits for sockets, for a point in time, and for other threads; the beat thread's only
// place of rest.
//
// Level-triggered: whatever still waits is reported again. On Linux it is epoll with a timerfd,
// because a deadline on CLOCK_MONOTONIC at ns is what beats need; elsewhere poll(2) with a pipe, at
// the price of a timeout in milliseconds and of a walk over all sockets at each wait.
// poller_linux.cpp and poller_posix.cpp each define the class's functions; one of them is compiled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"

namespace hotpair::heartbeat {

enum class Interest : std::uint8_t { kRead, kReadAndWrite };

class Poller {
 public:
  // Sockets reported by one wait; the rest is reported by the next.
  static constexpr std::size_t kBatch = 64;
  using Batch = std::array<void*, kBatch>;

  static Result<std::unique_ptr<Poller>> open();
  // For open() only: what is inside differs from system to system.
  struct Inside;
  explicit Poller(std::unique_ptr<Inside> inside) noexcept;
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Reports `token` when `fd` is ready. False when there is no room; nothing was added then.
  [[nodiscard]] bool add(int fd, void* token, Interest interest) noexcept;
  void change(int fd, void* token, Interest interest) noexcept;
  // Must come before the close of `fd`.
  void remove(int fd) noexcept;

  // Waits until a socket is ready, `wake()` was called or `deadline` has come. Returns the tokens
  // of ready sockets, each at most once.
  std::span<void*> wait(Instant deadline, Batch& batch) noexcept;

  // Ends the current or next wait.
  // thread: any
  void wake() noexcept;
  // What another process may write eight bytes to, instead of `wake()`.
  Result<UniqueFd> duplicate_wake() const noexcept;

 private:
  std::unique_ptr<Inside> inside_;
};

}  // namespace hotpair::heartbeat
