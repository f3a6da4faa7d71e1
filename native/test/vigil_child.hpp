// A guarded process for the tests of the vigil: this program, started again in another role, with a
// region of vow words and a socket handed over by number.
//
// fork() alone would not do: the sanitizers refuse new threads in a child of a process that has
// some. The child says each step by a byte, and waits for a byte before it does what it is for, so
// that no test sleeps. Children are killed and collected at the end, whatever has become of them.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/shared_region.hpp"
#include "vigil/vow_layout.hpp"
#include "vigil/watcher.hpp"

namespace hotpair::test {

inline constexpr RegionKind kVowRegion{0x766f77, vigil::kVowLayout};
inline constexpr int kRegionNumber = 70;
inline constexpr int kSocketNumber = 71;
inline constexpr const char* kRoleName = "HOTPAIR_TEST_ROLE";
// How long a test waits for what must come; a machine that is busy may take its time.
inline constexpr Nanos kPatience = Nanos::millis(20'000);

// What the child is given.
struct Guarded {
  std::string role;
  vigil::VowWords* words = nullptr;

  void say(char step) const { CHECK(::write(kSocketNumber, &step, 1) == 1); }
  // False at the end of the parent.
  bool wait() const {
    char order = 0;
    return ::read(kSocketNumber, &order, 1) == 1;
  }
};

// The role of this process, or nothing in the parent.
inline std::optional<Guarded> guarded() {
  const char* role = std::getenv(kRoleName);
  if (role == nullptr) return {};
  const rlimit none{0, 0};
  CHECK(::setrlimit(RLIMIT_CORE, &none) == 0);
  // For the life of the process.
  static SharedRegion region;
  region =
      std::move(SharedRegion::adopt(UniqueFd(kRegionNumber), kVowRegion, sizeof(vigil::VowWords)))
          .value();
  return Guarded{role, region.at<vigil::VowWords>(0)};
}

class Child {
 public:
  explicit Child(const char* role)
      : region_(std::move(SharedRegion::create(kVowRegion, sizeof(vigil::VowWords), Reserve::kNow))
                    .value()) {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    socket_ = UniqueFd(ends[0]);
    const UniqueFd theirs(ends[1]);
    pid_ = ::fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(region_.fd().get(), kRegionNumber);
      ::dup2(theirs.get(), kSocketNumber);
      ::setenv(kRoleName, role, 1);
      ::execl("/proc/self/exe", "guarded", static_cast<char*>(nullptr));
      ::_exit(127);
    }
  }
  ~Child() {
    if (!is_collected_) kill_now();
    collect();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  vigil::VowWords& words() const { return *region_.at<vigil::VowWords>(0); }
  pid_t pid() const { return pid_; }
  void kill_now() const { CHECK(::kill(pid_, SIGKILL) == 0); }
  void tell() const { CHECK(::send(socket_.get(), "!", 1, MSG_NOSIGNAL) == 1); }

  // The next step that the child says; 0 when it has ended.
  char next_step() const {
    pollfd entry{socket_.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(kPatience.count / 1'000'000)) != 1) return '?';
    char step = 0;
    return ::recv(socket_.get(), &step, 1, 0) == 1 ? step : '\0';
  }

  // Its status, when it has ended.
  int collect() {
    if (!std::exchange(is_collected_, true)) CHECK(::waitpid(pid_, &status_, 0) == pid_);
    return status_;
  }
  bool is_running() const {
    siginfo_t info{};
    CHECK(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0);
    return info.si_pid == 0;
  }

  UniqueFd process() const {
    constexpr long sys_pidfd_open = 434;
    return UniqueFd(static_cast<int>(::syscall(sys_pidfd_open, pid_, 0)));
  }
  UniqueFd connection() const { return UniqueFd(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0)); }

 private:
  SharedRegion region_;
  UniqueFd socket_;
  pid_t pid_ = -1;
  bool is_collected_ = false;
  int status_ = 0;
};

// What a watcher has told, and how often.
struct Heard {
  static void ring(void* raw, const vigil::Finding& finding) noexcept {
    auto* self = static_cast<Heard*>(raw);
    self->finding = finding;
    self->count.fetch_add(1);
    wake_all(self->count);
  }
  vigil::Alarm alarm() { return {&Heard::ring, this}; }

  bool comes() const {
    const Instant deadline = monotonic_now() + kPatience;
    while (count.load() == 0 && monotonic_now() < deadline) wait_on(count, 0, Nanos::millis(100));
    return count.load() > 0;
  }

  SharedWord count{0};
  // Read after comes().
  vigil::Finding finding{};
};

}  // namespace hotpair::test
