// Stream: one end of a load's connection, for the one thread that sends or receives it.
//
// A connected stream socket of any family; blocking, because a thread of its own does nothing else.
// Any thread may ring it (wait() returns) and cancel it: whatever call is under way ends with an
// error, and every later one. How long a silent other side is waited for is the canceller's
// judgement, which has the heartbeats.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "base/units.hpp"

namespace hotpair::snapshot {

class Stream {
 public:
  // Takes the socket over, and makes it blocking for whoever shares it.
  static Result<std::unique_ptr<Stream>> open(UniqueFd socket);
  // A stream socket of this process, by another descriptor of its own; fails with kNative when `fd`
  // is none. Whoever has the first one must leave it alone until the load is over.
  static Result<UniqueFd> duplicate(int fd) noexcept;
  // Two ends that are connected with each other, for a load whose bytes are passed on by somebody.
  struct Pair {
    UniqueFd one;
    UniqueFd other;
  };
  static Result<Pair> pair() noexcept;

  // For open().
  Stream(UniqueFd socket, UniqueFd bell_in, UniqueFd bell_out) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // All of it, or an error: kClosed when the other side has ended the connection or cancel() was
  // called, kNative with errno otherwise.
  Result<void> send(std::span<const std::uint8_t> bytes) noexcept;
  Result<void> receive(std::span<std::uint8_t> into) noexcept;

  enum class Woken : std::uint8_t { kRung, kTime, kSocket };
  // Until somebody has rung, the other side has sent or ended, or `most` is over; then they are
  // judged in this order. Cancelled is kSocket: the next receive() tells.
  Woken wait(Nanos most) noexcept;
  // Until somebody has rung, whatever else happens.
  void wait_for_ring() noexcept;

  // thread: any
  void ring() noexcept;
  // Ends the connection: the other side has nothing more to wait for. Idempotent.
  void end() noexcept;
  // The same, and says so in every error from here on. Idempotent. thread: any
  void cancel() noexcept;
  // Whether it was, for long work between two packets. thread: any
  bool is_cancelled() const noexcept;
  // What each call says from then on.
  static Error cancelled() noexcept;

 private:
  Error failure(const char* action, int os_error) const noexcept;
  bool take_rings() noexcept;

  const UniqueFd socket_;
  // A pipe; both ends do not block. A full one has been rung often enough.
  const UniqueFd bell_in_;
  const UniqueFd bell_out_;
  std::atomic<bool> is_cancelled_{false};
};

// Who is told that there is news; called on the load's own thread. It must not wait for it.
struct Bell {
  void (*ring)(void* context) noexcept = nullptr;
  void* context = nullptr;

  void operator()() const noexcept {
    if (ring != nullptr) ring(context);
  }
};

}  // namespace hotpair::snapshot
