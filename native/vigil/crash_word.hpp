// CrashWord: says in shared memory that this process is about to end by a fault, before the core
// dump that holds everything else back (0.6 to 2.2 s for 1 GiB).
//
// On request it handles SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT, and hands each on to the
// handler that was there before: Node.js turns faults of WebAssembly into exceptions by one. Only
// what ends the process is told, and that is known when there was no handler before, when the
// former one has put the default action back (Node.js does, for what is no fault of WebAssembly),
// or when abort() has raised it. After that the default action ends the process as it would have
// without us, core dump and exit status included.
//
// It does not see: a former handler that ends the process itself and dumps core from inside; a
// handler that is installed later and does not hand on; SIGTRAP and SIGQUIT; a fault with the
// signal blocked; an overflow of the stack of a thread other than the one that installed it. In
// those the vow tells, after the dump. A child of fork() that has not called exec yet tells
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/mapped_region.hpp"
#include "base/result.hpp"
#include "vigil/vow_layout.hpp"

namespace hotpair::vigil {

class CrashWord {
 public:
  // Vows of one process that can be told of: more than the members that one has.
  static constexpr std::size_t kMost = 16;

  // Tells of crashes in `words` until it is destroyed; they stay mapped until then. The first of a
  // process installs the handlers, the last puts the former ones back where ours still stand. Gives
  // the calling thread an alternate signal stack if it has none, so it is destroyed on the same.
  // Fails with kNative. The code of this addon must stay loaded while handlers of others were
  // installed on top of ours.
  static Result<CrashWord> install(VowWords& words);

  CrashWord(CrashWord&& other) noexcept;
  CrashWord& operator=(CrashWord&&) = delete;
  CrashWord(const CrashWord&) = delete;
  CrashWord& operator=(const CrashWord&) = delete;
  ~CrashWord();

 private:
  CrashWord(VowWords* words, MappedRegion stack) noexcept;

  // Null when moved from.
  VowWords* words_;
  // The alternate stack, where this object has given one. Its lowest page is out of bounds.
  MappedRegion stack_;
};

}  // namespace hotpair::vigil
