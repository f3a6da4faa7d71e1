// CHECK: a condition whose failure means that the program itself is wrong.
//
// A member that goes on after such a finding could send what it must not send, so the process ends
// at once, in release builds too, and says where. What the world can cause (a full disk, a
// malformed packet, a wrong argument from JavaScript) is no CHECK: it is a Result or a status.
// CHECK writes one line to standard error and never returns.
#pragma once

namespace hotpair {

// Prints "<file>:<line>: CHECK failed: <condition>" and aborts.
// thread: any
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace hotpair

#define CHECK(condition)                               \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::hotpair::check_failed(#condition, __FILE__, __LINE__))
