// Words shared between processes by futex; see shared_word.hpp.
// The call is made by number: neither glibc nor musl has a function for it.
#if defined(__linux__) && !defined(HOTPAIR_USE_POLL)

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "base/check.hpp"
#include "base/shared_word.hpp"

namespace hotpair {
namespace {

// Without FUTEX_PRIVATE_FLAG: the other one may be in another process.
constexpr int kFutexWait = 0;
constexpr int kFutexWake = 1;

// As SYS_futex takes it on every processor: two longs, whatever time_t is.
struct KernelTimespec {
  long seconds;
  long nanos;
};

}  // namespace

void wait_on(const SharedWord& word, std::uint32_t expected, Nanos most) noexcept {
  if (most <= Nanos{0}) return;
  const KernelTimespec relative{static_cast<long>(most.count / 1'000'000'000),
                                static_cast<long>(most.count % 1'000'000'000)};
  const long result = ::syscall(SYS_futex, &word, kFutexWait, expected, &relative, nullptr, 0);
  // EFAULT would mean that the word is not mapped, and that this loop has no rest.
  CHECK(result == 0 || errno == EAGAIN || errno == ETIMEDOUT || errno == EINTR);
}

void wake_all(const SharedWord& word) noexcept {
  const int saved = errno;
  static_cast<void>(::syscall(SYS_futex, &word, kFutexWake, INT_MAX, nullptr, nullptr, 0));
  errno = saved;
}

}  // namespace hotpair

#endif
