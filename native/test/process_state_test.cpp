// A process that is stopped is told from one that runs, waits or is gone: also when its name looks
// like the end of a name and a state. By real signals to a child of the test's own; Linux only,
// for elsewhere the question has no answer.
#include "vigil/process_state.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.hpp"

using namespace hotpair;

namespace {

TEST(a_stopped_process_is_told_from_one_that_waits) {
#ifdef __linux__
  const pid_t child = ::fork();
  if (child == 0) {
    // A name that looks like the end of one and a state.
    ::prctl(PR_SET_NAME, "x) T (y", 0, 0, 0);
    for (;;) ::pause();
  }
  EXPECT(child > 0);
  const auto pid = static_cast<std::uint32_t>(child);
  EXPECT(!vigil::is_stopped(pid));
  int status = 0;
  for (int round = 0; round < 3; ++round) {
    ::kill(child, SIGSTOP);
    EXPECT(::waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    EXPECT(vigil::is_stopped(pid));
    ::kill(child, SIGCONT);
    EXPECT(::waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    EXPECT(!vigil::is_stopped(pid));
  }
  ::kill(child, SIGKILL);
  EXPECT(::waitpid(child, &status, 0) == child);
  EXPECT(!vigil::is_stopped(pid));
#endif
  EXPECT(!vigil::is_stopped(static_cast<std::uint32_t>(::getpid())));
}

}  // namespace

TEST_MAIN()
