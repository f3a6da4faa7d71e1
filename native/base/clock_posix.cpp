// The POSIX clocks. A clock that cannot be read is no clock to run a pair by: CHECK.
// It never reads the wall clock, which an operator or a time daemon may set back.
#include <time.h>

#include "base/check.hpp"
#include "base/clock.hpp"

namespace hotpair {

std::int64_t monotonic_nanos() noexcept {
  timespec now{};
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace hotpair
