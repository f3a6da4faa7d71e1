// The POSIX clocks. A clock that cannot be read is no clock to run a pair by: CHECK.
// It never reads the wall clock, which an operator or a time daemon may set back.
#include <time.h>

#include "base/check.hpp"
#include "base/clock.hpp"

namespace hotpair {
namespace {

#if defined(CLOCK_BOOTTIME)
constexpr clockid_t kBootClock = CLOCK_BOOTTIME;
#else
// On macOS CLOCK_MONOTONIC itself runs on while the machine sleeps.
constexpr clockid_t kBootClock = CLOCK_MONOTONIC;
#endif

std::int64_t read(clockid_t clock) noexcept {
  timespec now{};
  CHECK(clock_gettime(clock, &now) == 0);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::int64_t monotonic_nanos() noexcept { return read(CLOCK_MONOTONIC); }

Instant monotonic_now() noexcept { return {read(CLOCK_MONOTONIC)}; }

BootInstant boot_now() noexcept { return {read(kBootClock)}; }

Nanos thread_cpu_time() noexcept { return {read(CLOCK_THREAD_CPUTIME_ID)}; }

}  // namespace hotpair
