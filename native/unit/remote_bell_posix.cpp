// The two kinds of bell; see remote_bell.hpp. A ring that finds no room has nothing to add, for the
// other end is readable then. Which kind it is nobody outside needs to know: both take eight bytes,
// and both are read empty.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#include "unit/remote_bell.hpp"

namespace hotpair::unit {

Result<RemoteBell> RemoteBell::open() noexcept {
#if defined(__linux__)
  UniqueFd waiter(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!waiter.is_open()) return Error{ErrorCode::kNative, "eventfd", errno};
  UniqueFd ringer(::fcntl(waiter.get(), F_DUPFD_CLOEXEC, 0));
  if (!ringer.is_open()) return Error{ErrorCode::kNative, "fcntl(F_DUPFD_CLOEXEC)", errno};
#else
  int ends[2];
  if (::pipe(ends) != 0) return Error{ErrorCode::kNative, "pipe", errno};
  UniqueFd waiter(ends[0]);
  UniqueFd ringer(ends[1]);
  for (const int end : ends) {
    if (::fcntl(end, F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(end, F_SETFL, O_NONBLOCK) != 0) {
      return Error{ErrorCode::kNative, "fcntl", errno};
    }
  }
#endif
  return RemoteBell{std::move(waiter), std::move(ringer)};
}

void ring(const UniqueFd& ringer) noexcept {
  const std::uint64_t one = 1;
  while (::write(ringer.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void silence(const UniqueFd& waiter) noexcept {
  std::uint64_t rings[16];
  // An eventfd is empty after one read, a pipe after as many as fill it.
  for (;;) {
    const ssize_t got = ::read(waiter.get(), rings, sizeof(rings));
    if (got == 0 || (got < 0 && errno != EINTR)) return;
  }
}

}  // namespace hotpair::unit
