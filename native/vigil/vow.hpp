// Vow: the promise of a process that its neighbour learns of its death at once.
//
// A thread of ours owns a robust futex in shared memory and sleeps. When the process ends, however
// it ends, the kernel walks the thread's robust list before it takes the memory down, marks the
// word and wakes who waits on it: so the news does not grow with the heap, as the end of a socket
// does. A core dump comes before all of that; for it there is CrashWord. execve() counts as death.
//
// The list is the kernel's, one a thread; libc's own list of other threads is not touched. Only
// the word lies in shared memory: the list's links lie in this object, so that a neighbour cannot
// lead the kernel anywhere. Systems without robust futexes keep the words, and the watcher there
// waits for the end of the connection.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "base/thread.hpp"
#include "vigil/vow_layout.hpp"

namespace hotpair::vigil {

class Vow {
 public:
  // Makes the vow on `words`, which nobody has vowed on before and which stay mapped until the
  // vow is destroyed. Fails with kSharedMemory when the word is taken, with kNative when the
  // thread cannot be started or the system keeps no robust list.
  // thread: any; the same for all below
  static Result<std::unique_ptr<Vow>> make(VowWords& words);

  // For make() only.
  explicit Vow(VowWords& words) noexcept : words_(words) {}
  // A vow that was not given back is broken: the watcher learns of a death.
  ~Vow();
  Vow(const Vow&) = delete;
  Vow& operator=(const Vow&) = delete;

  // Gives the vow back: the watcher learns that this process goes in order. Idempotent.
  void release() noexcept;

 private:
  // As the kernel reads them: struct robust_list and struct robust_list_head.
  struct Link {
    Link* next = nullptr;
  };
  struct List {
    Link first;
    // From a link to its futex word, in bytes.
    long offset = 0;
    Link* pending = nullptr;
  };
  // Of `order_`.
  static constexpr std::uint32_t kKeep = 0;
  static constexpr std::uint32_t kGiveBack = 1;
  static constexpr std::uint32_t kBreak = 2;
  // Of `outcome_`: not yet, or kMade, or kTaken, or kRefused plus errno.
  static constexpr std::uint32_t kMade = 1;
  static constexpr std::uint32_t kTaken = 2;
  static constexpr std::uint32_t kRefused = 1000;

  // thread: vow
  void run() noexcept;
  std::uint32_t begin() noexcept;
  // Puts the word on the kernel's list of this thread; 0 or errno.
  int enlist() noexcept;

  void end(std::uint32_t order) noexcept;

  VowWords& words_;
  // Read by the kernel when the thread ends, so they outlive it.
  List list_;
  Link link_;
  // What the thread shall do; written by the owner of the vow.
  SharedWord order_{kKeep};
  // Written once by the thread.
  SharedWord outcome_{0};
  // What the vow's value of `owner` is. Of the vow thread.
  std::uint32_t held_ = 0;
  // Null before make() has finished and after the end.
  std::unique_ptr<Thread> thread_;
};

}  // namespace hotpair::vigil
