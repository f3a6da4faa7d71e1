// Vows within one process: what the word says at each step, and that it says "in order" only when
// the vow was given back. The kernel's part is real: a thread that ends is a death to it.
#include "vigil/vow.hpp"

#include <array>
#include <optional>

#include "harness.hpp"
#include "vigil_child.hpp"

using namespace hotpair;
using namespace hotpair::vigil;
using hotpair::test::Heard;

namespace {

std::unique_ptr<Vow> vow_on(VowWords& words) {
  Result<std::unique_ptr<Vow>> made = Vow::make(words);
  CHECK(made.ok());
  return std::move(made).value();
}

std::unique_ptr<Watcher> watcher_of(const VowWords& words, Heard& heard) {
  Result<std::unique_ptr<Watcher>> started = Watcher::start({&words, {}, {}}, heard.alarm());
  CHECK(started.ok());
  return std::move(started).value();
}

}  // namespace

TEST(each_value_of_the_word_says_one_thing) {
  EXPECT(vow_state(0, 0) == VowState::kNone);
  EXPECT(vow_state(kWaiters | 7, 0) == VowState::kHeld);
  EXPECT(vow_state(kWaiters | 7, 7) == VowState::kHeld);
  EXPECT(vow_state(kWaiters, 0) == VowState::kReleased);
  EXPECT(vow_state(kWaiters, 7) == VowState::kReleased);
  EXPECT(vow_state(kWaiters | kOwnerDied, 7) == VowState::kDied);
  EXPECT(vow_state(kWaiters | kOwnerDied, 0) == VowState::kDied);
  EXPECT(vow_state(kWaiters | kOwnerDied | 7, 7) == VowState::kDied);
  EXPECT(vow_state(kWaiters | kOwnerDied | 7, 0) == VowState::kDied);
  for (const std::uint32_t rubbish :
       {0u, 7u, kOwnerDied, kOwnerDied | 7, kWaiters | 8, kWaiters | kOwnerDied | 8, 0x12345678u}) {
    EXPECT(vow_state(rubbish, 7) == VowState::kUnclear);
  }
}

TEST(a_vow_that_is_given_back_is_no_death) {
  VowWords words;
  Heard heard;
  const auto vow = vow_on(words);
  EXPECT(vow_state(words.owner.load(), 0) == VowState::kHeld);
  const auto watcher = watcher_of(words, heard);
  vow->release();
  vow->release();
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kReleased);
  EXPECT_EQ(words.owner.load(), kWaiters);
  watcher->stop();
  EXPECT_EQ(heard.count.load(), 1u);
}

TEST(a_vow_that_is_dropped_is_a_death) {
  VowWords words;
  Heard heard;
  auto vow = vow_on(words);
  const auto watcher = watcher_of(words, heard);
  vow.reset();
  // Told by the kernel to one who waits, and written in the word.
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kDied);
  EXPECT_EQ(words.owner.load(), kWaiters | kOwnerDied);
}

TEST(a_word_is_vowed_on_once) {
  VowWords words;
  const auto vow = vow_on(words);
  const Result<std::unique_ptr<Vow>> second = Vow::make(words);
  REQUIRE(!second.ok());
  EXPECT(second.error().code == ErrorCode::kSharedMemory);
  vow->release();
  EXPECT(!Vow::make(words).ok());
  VowWords dead;
  vow_on(dead).reset();
  EXPECT(!Vow::make(dead).ok());
}

TEST(a_refused_vow_leaves_the_word_alone) {
  VowWords words;
  words.owner.store(kWaiters | 5);
  EXPECT(!Vow::make(words).ok());
  EXPECT_EQ(words.owner.load(), kWaiters | 5);
}

TEST(a_watcher_that_comes_first_waits_for_the_vow) {
  VowWords words;
  Heard heard;
  const auto watcher = watcher_of(words, heard);
  auto vow = vow_on(words);
  EXPECT_EQ(heard.count.load(), 0u);
  vow.reset();
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kDied);
}

TEST(a_watcher_that_comes_after_the_death_tells_it) {
  VowWords words;
  Heard heard;
  vow_on(words).reset();
  const auto watcher = watcher_of(words, heard);
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kDied);
}

TEST(wakes_without_a_reason_tell_nothing) {
  VowWords words;
  Heard heard;
  const auto vow = vow_on(words);
  const auto watcher = watcher_of(words, heard);
  for (int i = 0; i < 200; ++i) wake_all(words.owner);
  EXPECT_EQ(heard.count.load(), 0u);
  EXPECT(!watcher->is_word_given_up());
  vow->release();
  REQUIRE(heard.comes());
  EXPECT(heard.finding.cause == Finding::Cause::kReleased);
}

TEST(a_neighbour_that_wakes_without_end_loses_the_word) {
  if (!kWakesAcrossProcesses) return;
  VowWords words;
  Heard heard;
  const auto vow = vow_on(words);
  const auto watcher = watcher_of(words, heard);
  const Instant deadline = monotonic_now() + test::kPatience;
  while (!watcher->is_word_given_up() && monotonic_now() < deadline) wake_all(words.owner);
  EXPECT(watcher->is_word_given_up());
  EXPECT_EQ(heard.count.load(), 0u);
}

TEST(many_vows_and_watchers_at_once_each_hear_their_own) {
  constexpr std::size_t count = 24;
  std::array<VowWords, count> words;
  std::array<Heard, count> heard;
  std::array<std::unique_ptr<Vow>, count> vows;
  std::array<std::unique_ptr<Watcher>, count> watchers;
  for (std::size_t i = 0; i < count; ++i) {
    vows[i] = vow_on(words[i]);
    watchers[i] = watcher_of(words[i], heard[i]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 2 == 0) vows[i]->release();
    vows[i].reset();
  }
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(heard[i].comes());
    const auto cause = i % 2 == 0 ? Finding::Cause::kReleased : Finding::Cause::kDied;
    EXPECT(heard[i].finding.cause == cause);
  }
}

TEST(several_watchers_of_one_vow_all_hear_of_it) {
  VowWords words;
  std::array<Heard, 3> heard;
  std::array<std::unique_ptr<Watcher>, 3> watchers;
  auto vow = vow_on(words);
  for (std::size_t i = 0; i < 3; ++i) watchers[i] = watcher_of(words, heard[i]);
  vow.reset();
  for (Heard& each : heard) {
    REQUIRE(each.comes());
    EXPECT(each.finding.cause == Finding::Cause::kDied);
  }
}

TEST(a_stopped_watcher_tells_nothing_any_more) {
  VowWords words;
  Heard heard;
  auto vow = vow_on(words);
  const auto watcher = watcher_of(words, heard);
  watcher->stop();
  watcher->stop();
  vow.reset();
  EXPECT_EQ(heard.count.load(), 0u);
}

// The word is overwritten at random while vow and watcher use it: nothing but an alarm may come of
// it, and the vow still ends in time.
TEST(a_word_overwritten_at_random_moves_nothing_but_the_alarm) {
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 100; ++round) {
    VowWords words;
    Heard heard;
    auto vow = vow_on(words);
    const auto watcher = watcher_of(words, heard);
    for (int i = 0; i < 20; ++i) {
      SharedWord& word = random() % 2 == 0 ? words.owner : words.crash;
      const std::uint32_t bits = static_cast<std::uint32_t>(random());
      word.store(random() % 2 == 0 ? bits : word.load() ^ (1u << (bits % 32)));
      if (random() % 2 == 0) wake_all(words.owner);
    }
    if (random() % 2 == 0) vow->release();
    vow.reset();
    watcher->stop();
    EXPECT(heard.count.load() <= 1);
  }
}

TEST_MAIN()
