// RemoteBell: wakes a thread of another process, which holds the other end of it.
//
// An eventfd on Linux, a pipe elsewhere: both are descriptors that can be passed on, and ringing
// one that already rings costs nothing and never waits.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace hotpair::unit {

struct RemoteBell {
  // Becomes readable by a ring.
  UniqueFd waiter;
  // For whoever rings; to be passed on.
  UniqueFd ringer;

  static Result<RemoteBell> open() noexcept;
};

// thread: any
void ring(const UniqueFd& ringer) noexcept;
// Takes all rings so far.
void silence(const UniqueFd& waiter) noexcept;

}  // namespace hotpair::unit
