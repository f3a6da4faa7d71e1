// Deaths of other processes, as a watcher hears of them: by the kernel at any size of memory, by
// the descriptors where the word cannot be trusted, and never twice.
//
// Times are printed and not judged: whoever tears the memory down may hold the only processor. What
// is judged is who told: the kernel's mark comes before anything else.
#include "vigil/watcher.hpp"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "harness.hpp"
#include "vigil/vow.hpp"
#include "vigil_child.hpp"

using namespace hotpair;
using namespace hotpair::vigil;
using hotpair::test::Child;
using hotpair::test::Guarded;
using hotpair::test::Heard;

namespace {

enum class By { kAll, kWordOnly, kProcess, kConnection };

std::unique_ptr<Watcher> watcher_of(const Child& child, Heard& heard, By by = By::kAll) {
  Watched watched;
  if (by == By::kAll || by == By::kWordOnly) watched.words = &child.words();
  if (by == By::kAll || by == By::kProcess) watched.process = child.process();
  if (by == By::kAll || by == By::kConnection) watched.connection = child.connection();
  Result<std::unique_ptr<Watcher>> started = Watcher::start(std::move(watched), heard.alarm());
  CHECK(started.ok());
  return std::move(started).value();
}

// The word tells before all else where it can wake; else whatever the watcher finds first.
bool is_death(Finding::Cause cause) {
  if (kWakesAcrossProcesses) return cause == Finding::Cause::kDied;
  return cause == Finding::Cause::kDied || cause == Finding::Cause::kProcessGone ||
         cause == Finding::Cause::kConnectionEnded;
}

void fill(std::size_t mebibytes) {
  if (mebibytes == 0) return;
  const std::size_t bytes = mebibytes << 20;
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(data != MAP_FAILED);
  for (std::size_t i = 0; i < bytes; i += 4096) static_cast<std::uint8_t*>(data)[i] = 1;
}

// A guarded process: what it does until it is killed or its parent is gone.
int guard(const Guarded& it) {
  const std::string& role = it.role;
  if (role == "late") {
    it.say('s');
    if (!it.wait()) return 0;
  }
  if (role == "forge") {
    // A word as a vow writes it, without the kernel's knowing.
    it.words->owner.store(kWaiters | static_cast<std::uint32_t>(::getpid()));
    it.say('v');
    it.wait();
    return 0;
  }
  std::unique_ptr<Vow> vow = std::move(Vow::make(*it.words)).value();
  if (role == "large") fill(200);
  it.say('v');
  if (!it.wait()) return 0;
  if (role == "release") vow->release();
  if (role == "exec") ::execl("/bin/sleep", "sleep", "1000", static_cast<char*>(nullptr));
  if (role == "exit") ::_exit(3);
  it.say('d');
  it.wait();
  return 0;
}

void report(const char* what, std::vector<std::int64_t>& micros, int before_end) {
  std::sort(micros.begin(), micros.end());
  std::cout << "  " << what << ": " << micros[micros.size() / 2] << " us, max " << micros.back()
            << " us; " << before_end << " of " << micros.size() << " before the process was gone\n";
}

void kill_and_measure(const char* role, const char* what, int times) {
  std::vector<std::int64_t> micros;
  int before_end = 0;
  for (int i = 0; i < times; ++i) {
    Child child(role);
    Heard heard;
    REQUIRE(child.next_step() == 'v');
    const auto watcher = watcher_of(child, heard);
    const Instant killed = monotonic_now();
    child.kill_now();
    REQUIRE(heard.comes());
    before_end += child.is_running() ? 1 : 0;
    EXPECT(is_death(heard.finding.cause));
    micros.push_back((heard.finding.at - killed).count / 1000);
    watcher->stop();
    EXPECT_EQ(heard.count.load(), 1u);
  }
  report(what, micros, before_end);
}

}  // namespace

TEST(a_killed_process_is_known_by_its_vow) { kill_and_measure("hold", "kill -9, 0 MiB", 12); }

TEST(a_killed_process_with_much_memory_is_known_by_its_vow) {
  kill_and_measure("large", "kill -9, 200 MiB", 6);
}

TEST(without_any_descriptor_the_word_alone_tells) {
  if (!kWakesAcrossProcesses) return;
  const Child child("hold");
  Heard heard;
  REQUIRE(child.next_step() == 'v');
  const auto watcher = watcher_of(child, heard, By::kWordOnly);
  child.kill_now();
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kDied);
}

TEST(without_the_word_the_process_or_the_connection_tells) {
  for (const By by : {By::kProcess, By::kConnection}) {
    const Child child("hold");
    Heard heard;
    REQUIRE(child.next_step() == 'v');
    const auto watcher = watcher_of(child, heard, by);
    child.kill_now();
    REQUIRE(heard.comes());
    const bool is_process = by == By::kProcess;
    EXPECT(heard.finding.cause ==
           (is_process ? Finding::Cause::kProcessGone : Finding::Cause::kConnectionEnded));
  }
}

TEST(a_watcher_may_come_before_the_vow_and_after_the_death) {
  Child child("late");
  Heard early;
  REQUIRE(child.next_step() == 's');
  const auto first = watcher_of(child, early);
  child.tell();
  REQUIRE(child.next_step() == 'v');
  child.kill_now();
  REQUIRE(early.comes());
  EXPECT(is_death(early.finding.cause));
  Heard late;
  const auto second = watcher_of(child, late, By::kWordOnly);
  REQUIRE(late.comes());
  EXPECT(late.finding.cause == Finding::Cause::kDied);
}

TEST(a_death_before_the_vow_is_known_by_the_descriptors) {
  const Child child("late");
  Heard heard;
  REQUIRE(child.next_step() == 's');
  const auto watcher = watcher_of(child, heard);
  child.kill_now();
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kProcessGone ||
         heard.finding.cause == Finding::Cause::kConnectionEnded);
  EXPECT_EQ(child.words().owner.load(), 0u);
}

TEST(a_vow_given_back_by_a_process_that_lives_on_is_no_death) {
  const Child child("release");
  Heard heard;
  REQUIRE(child.next_step() == 'v');
  const auto watcher = watcher_of(child, heard);
  child.tell();
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kReleased);
  REQUIRE(child.next_step() == 'd');
  EXPECT(child.is_running());
}

TEST(an_exit_and_an_exec_without_giving_back_are_deaths) {
  for (const char* role : {"exit", "exec"}) {
    const Child child(role);
    Heard heard;
    REQUIRE(child.next_step() == 'v');
    const auto watcher = watcher_of(child, heard, kWakesAcrossProcesses ? By::kWordOnly : By::kAll);
    child.tell();
    REQUIRE(heard.comes());
    EXPECT_EQ(vow_state(child.words().owner.load(), 0) == VowState::kDied, true);
  }
}

// As a word is left by a process whose thread id was given to another one since.
TEST(a_word_that_the_kernel_does_not_keep_hides_no_death) {
  const Child child("forge");
  Heard heard;
  REQUIRE(child.next_step() == 'v');
  const auto watcher = watcher_of(child, heard);
  child.kill_now();
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kProcessGone ||
         heard.finding.cause == Finding::Cause::kConnectionEnded);
  EXPECT(vow_state(child.words().owner.load(), 0) == VowState::kHeld);
}

TEST(a_word_that_was_overwritten_is_given_up_and_the_death_still_known) {
  // Rubbish to whoever looks; what only one who knows the vow can tell is vow_state()'s own test.
  for (const std::uint32_t rubbish : {1u, kOwnerDied, kOwnerDied | 7, 0x1234'5678u}) {
    const Child child("hold");
    Heard heard;
    REQUIRE(child.next_step() == 'v');
    child.words().owner.store(rubbish);
    const auto watcher = watcher_of(child, heard);
    const Instant deadline = monotonic_now() + test::kPatience;
    while (!watcher->is_word_given_up() && monotonic_now() < deadline) ::sched_yield();
    EXPECT(watcher->is_word_given_up());
    EXPECT_EQ(heard.count.load(), 0u);
    child.kill_now();
    REQUIRE(heard.comes());
    EXPECT(heard.finding.cause == Finding::Cause::kProcessGone ||
           heard.finding.cause == Finding::Cause::kConnectionEnded);
  }
}

TEST(many_deaths_at_once_are_all_told_once) {
  constexpr std::size_t count = 8;
  std::array<std::optional<Child>, count> children;
  std::array<Heard, count> heard;
  std::array<std::unique_ptr<Watcher>, count> watchers;
  for (auto& child : children) child.emplace("hold");
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(children[i]->next_step() == 'v');
    watchers[i] = watcher_of(*children[i], heard[i]);
  }
  for (const auto& child : children) child->kill_now();
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(heard[i].comes());
    EXPECT(is_death(heard[i].finding.cause));
    watchers[i]->stop();
    EXPECT_EQ(heard[i].count.load(), 1u);
  }
}

TEST(status_says_whether_the_watcher_got_real_time) {
  const Child child("hold");
  Heard heard;
  REQUIRE(child.next_step() == 'v');
  const auto watcher = watcher_of(child, heard);
  child.kill_now();
  REQUIRE(heard.comes());
  // This thread asks for the same and puts it back.
  const bool is_allowed = set_realtime(true);
  set_realtime(false);
  EXPECT_EQ(watcher->is_realtime(), is_allowed);
  std::cout << "  real time: " << (is_allowed ? "yes" : "refused") << "\n";
}

int main() {
  const std::optional<Guarded> it = hotpair::test::guarded();
  return it ? guard(*it) : hotpair::test::run_all();
}
