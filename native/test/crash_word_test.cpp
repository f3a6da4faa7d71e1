// Crashes of other processes, as their signal handlers tell of them: each signal that ends the
// process, none that a former handler has taken care of, and the same end as without the handler.
#include "vigil/crash_word.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>

#include "harness.hpp"
#include "vigil/vow.hpp"
#include "vigil_child.hpp"

using namespace hotpair;
using namespace hotpair::vigil;
using hotpair::test::Child;
using hotpair::test::Guarded;
using hotpair::test::Heard;

namespace {

// The page that faults, and how often a former handler was asked.
std::uint8_t* page = nullptr;
std::atomic<int> handled{0};

void map_page() {
  void* data = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(data != MAP_FAILED);
  page = static_cast<std::uint8_t*>(data);
}

void touch_page() { reinterpret_cast<std::atomic<std::uint8_t>*>(page)->store(1); }

// A mapping behind the end of its file.
void touch_beyond_the_end() {
  const UniqueFd file(::memfd_create("short", 0));
  void* data = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  CHECK(data != MAP_FAILED);
  static_cast<std::atomic<std::uint8_t>*>(data)->store(1);
}

// Uses up the stack, in a way that no compiler makes a loop of.
int exhaust(int depth, std::atomic<int>* sum) {
  std::atomic<int> here[512];
  here[0].store(depth);
  sum->fetch_add(here[0].load());
  if (depth == 0) return 0;
  return exhaust(depth - 1, &here[0]) + here[0].load();
}

void set_action(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
  struct sigaction action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  CHECK(::sigaction(signal, &action, nullptr) == 0);
}

void set_default(int signal) {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  CHECK(::sigaction(signal, &action, nullptr) == 0);
}

// Takes care of the fault, as the handler of Node.js does for WebAssembly.
void mend(int, siginfo_t*, void*) {
  handled.fetch_add(1);
  CHECK(::mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
}

// Does not, and goes the way of Node.js for all other faults.
void give_up(int signal, siginfo_t*, void*) {
  handled.fetch_add(1);
  set_default(signal);
  ::raise(signal);
}

// Notes it and returns, as libuv does for a signal that JavaScript listens to.
void note(int, siginfo_t*, void*) { handled.fetch_add(1); }

// The handler that was there before, by role. The sanitizers' own are taken out.
void prepare(const std::string& role) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) set_default(signal);
  if (role.starts_with("mend")) set_action(SIGSEGV, &mend);
  if (role == "give-up") set_action(SIGSEGV, &give_up);
  if (role == "once") set_action(SIGSEGV, &note, static_cast<int>(SA_RESETHAND));
  if (role == "note-abort" || role == "note-kill") set_action(SIGABRT, &note);
  if (role == "ignore") ::signal(SIGSEGV, SIG_IGN);
}

void act(const std::string& role) {
  if (role == "bus") touch_beyond_the_end();
  if (role == "stack") {
    std::atomic<int> sum{0};
    exhaust(1'000'000'000, &sum);
  }
  if (role == "abort" || role == "note-abort") std::abort();
  if (role == "raise-ill") ::raise(SIGILL);
  if (role == "raise-fpe") ::raise(SIGFPE);
  if (role == "segv" || role == "mend" || role == "give-up" || role == "once") touch_page();
  if (role == "thread") {
    std::move(Thread::start("faulty", [](void*) { touch_page(); }, nullptr)).value().join();
  }
  if (role == "ignore") ::raise(SIGSEGV);
  if (role == "note-kill") ::kill(::getpid(), SIGABRT);
  if (role == "fork") {
    const pid_t child = ::fork();
    if (child == 0) touch_page();
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  }
}

int guard(const Guarded& it) {
  map_page();
  prepare(it.role);
  std::unique_ptr<Vow> vow = std::move(Vow::make(*it.words)).value();
  std::optional<CrashWord> crash;
  crash.emplace(std::move(CrashWord::install(*it.words)).value());
  if (it.role == "taken-out") crash.reset();
  it.say('v');
  if (!it.wait()) return 0;
  if (it.role == "taken-out") touch_page();
  act(it.role);
  it.say(handled.load() > 0 ? 'h' : 'd');
  it.wait();
  return 0;
}

std::unique_ptr<Watcher> watcher_of(const Child& child, Heard& heard) {
  Watched watched;
  watched.words = &child.words();
  watched.process = child.process();
  Result<std::unique_ptr<Watcher>> started = Watcher::start(std::move(watched), heard.alarm());
  CHECK(started.ok());
  return std::move(started).value();
}

// The crash is told, by its signal, and the process ends by that signal.
void expect_crash(const char* role, int signal) {
  Child child(role);
  Heard heard;
  REQUIRE(child.next_step() == 'v');
  const auto watcher = watcher_of(child, heard);
  child.tell();
  REQUIRE(heard.comes());
  const int status = child.collect();
  EXPECT(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), signal);
  EXPECT_EQ(child.words().crash.load(), static_cast<std::uint32_t>(signal));
  // The process may be gone before a watcher without wakes has looked.
  if (!kWakesAcrossProcesses) return;
  EXPECT(heard.finding.cause == Finding::Cause::kCrashed);
  EXPECT_EQ(heard.finding.signal, static_cast<std::uint32_t>(signal));
}

// Nothing is told, and the process lives on.
void expect_life(const char* role, char step) {
  const Child child(role);
  Heard heard;
  REQUIRE(child.next_step() == 'v');
  const auto watcher = watcher_of(child, heard);
  child.tell();
  EXPECT_EQ(child.next_step(), step);
  EXPECT(child.is_running());
  EXPECT_EQ(child.words().crash.load(), 0u);
  EXPECT(vow_state(child.words().owner.load(), 0) == VowState::kHeld);
  EXPECT_EQ(heard.count.load(), 0u);
}

}  // namespace

TEST(a_fault_is_told_and_ends_the_process_as_ever) {
  expect_crash("segv", SIGSEGV);
  expect_crash("bus", SIGBUS);
}

TEST(an_abort_is_told) { expect_crash("abort", SIGABRT); }

TEST(a_signal_that_was_raised_is_told) {
  expect_crash("raise-ill", SIGILL);
  expect_crash("raise-fpe", SIGFPE);
}

TEST(a_fault_of_another_thread_is_told) { expect_crash("thread", SIGSEGV); }

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// The sanitizers make stacks of another size and shape.
TEST(a_stack_that_is_used_up_is_told) { expect_crash("stack", SIGSEGV); }
#endif

TEST(a_fault_that_the_former_handler_mends_is_none) { expect_life("mend", 'h'); }

TEST(a_fault_that_the_former_handler_gives_up_is_told) { expect_crash("give-up", SIGSEGV); }

TEST(a_former_handler_for_one_time_gives_up_by_returning) { expect_crash("once", SIGSEGV); }

TEST(an_abort_is_told_though_somebody_listens_to_the_signal) {
  expect_crash("note-abort", SIGABRT);
}

TEST(a_signal_that_somebody_listens_to_is_no_crash) { expect_life("note-kill", 'h'); }

TEST(a_signal_that_is_ignored_is_no_crash) { expect_life("ignore", 'd'); }

TEST(a_crash_of_a_child_of_fork_is_not_ours) { expect_life("fork", 'd'); }

TEST(without_the_handlers_the_vow_tells) {
  const Child child("taken-out");
  Heard heard;
  REQUIRE(child.next_step() == 'v');
  const auto watcher = watcher_of(child, heard);
  child.tell();
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause != Finding::Cause::kCrashed);
  EXPECT_EQ(child.words().crash.load(), 0u);
}

TEST(the_former_actions_come_back_with_the_last_one) {
  struct sigaction former{};
  CHECK(::sigaction(SIGFPE, nullptr, &former) == 0);
  set_action(SIGFPE, &note);
  VowWords words[2];
  {
    std::optional<CrashWord> first(std::move(CrashWord::install(words[0])).value());
    const Result<CrashWord> second = CrashWord::install(words[1]);
    REQUIRE(second.ok());
    first.reset();
    struct sigaction present{};
    CHECK(::sigaction(SIGFPE, nullptr, &present) == 0);
    EXPECT(present.sa_sigaction != &note);
    handled.store(0);
    ::raise(SIGFPE);
    EXPECT_EQ(handled.load(), 1);
    EXPECT_EQ(words[1].crash.load(), 0u);
  }
  struct sigaction present{};
  CHECK(::sigaction(SIGFPE, nullptr, &present) == 0);
  EXPECT(present.sa_sigaction == &note);
  CHECK(::sigaction(SIGFPE, &former, nullptr) == 0);
}

namespace {

struct sigaction below{};

void hand_on(int signal, siginfo_t* info, void* context) {
  below.sa_sigaction(signal, info, context);
}

}  // namespace

TEST(a_handler_on_top_of_ours_stays_and_makes_no_circle) {
  struct sigaction former{};
  CHECK(::sigaction(SIGFPE, nullptr, &former) == 0);
  set_action(SIGFPE, &note);
  VowWords words;
  for (int i = 0; i < 2; ++i) {
    const Result<CrashWord> installed = CrashWord::install(words);
    REQUIRE(installed.ok());
    if (i == 0) {
      CHECK(::sigaction(SIGFPE, nullptr, &below) == 0);
      set_action(SIGFPE, &hand_on);
    }
    handled.store(0);
    ::raise(SIGFPE);
    EXPECT_EQ(handled.load(), 1);
  }
  struct sigaction present{};
  CHECK(::sigaction(SIGFPE, nullptr, &present) == 0);
  EXPECT(present.sa_sigaction == &hand_on);
  CHECK(::sigaction(SIGFPE, &former, nullptr) == 0);
}

TEST(more_vows_than_there_are_places_for_are_refused) {
  std::vector<VowWords> words(CrashWord::kMost + 1);
  std::vector<CrashWord> installed;
  installed.reserve(CrashWord::kMost);
  for (std::size_t i = 0; i < CrashWord::kMost; ++i) {
    installed.push_back(std::move(CrashWord::install(words[i])).value());
  }
  EXPECT(!CrashWord::install(words.back()).ok());
  installed.pop_back();
  EXPECT(CrashWord::install(words.back()).ok());
  // The first one has given the stack, so it goes last.
  while (!installed.empty()) installed.pop_back();
}

int main() {
  const std::optional<Guarded> it = hotpair::test::guarded();
  return it ? guard(*it) : hotpair::test::run_all();
}
