// The vouch by a hand clock: how the age of a question grows, what is excused, and when a loop
// counts as hung.
#include "heartbeat/vouch.hpp"

#include <thread>

#include "harness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;

namespace {

constexpr Nanos kHangAfter = Nanos::millis(500);

constexpr Instant at(std::int64_t millis) { return Instant{} + Nanos::millis(millis); }

}  // namespace

TEST(a_question_is_put_at_once_and_then_four_times_in_hang_after) {
  Vouch vouch(at(1000), kHangAfter);
  EXPECT(vouch.next_deadline(at(1000)) == at(1000));
  EXPECT(vouch.look(at(1000)));
  vouch.answer();
  EXPECT(!vouch.look(at(1001)));
  EXPECT(vouch.age(at(1001)) == Nanos{0});
  EXPECT(vouch.next_deadline(at(1001)) == at(1125));
  EXPECT(!vouch.look(at(1124)));
  EXPECT(vouch.look(at(1125)));
}

TEST(the_age_is_that_of_the_oldest_question_and_no_second_one_is_put) {
  Vouch vouch(at(1000), kHangAfter);
  REQUIRE(vouch.look(at(1000)));
  for (std::int64_t now = 1001; now < 1500; ++now) {
    EXPECT(!vouch.look(at(now)));
    EXPECT(vouch.age(at(now)) == Nanos::millis(now - 1000));
    EXPECT(!vouch.is_hung(at(now)));
    EXPECT(vouch.next_deadline(at(now)) == at(1500));
  }
  EXPECT(!vouch.look(at(1500)));
  EXPECT(vouch.is_hung(at(1500)));
  EXPECT(vouch.next_deadline(at(1500)) == kNever);
  vouch.answer();
  EXPECT(vouch.look(at(1600)));
  EXPECT(!vouch.is_hung(at(1600)));
  EXPECT(vouch.age(at(1650)) == Nanos::millis(50));
}

TEST(an_answer_counts_at_once_and_not_from_the_next_look) {
  Vouch vouch(at(1000), kHangAfter);
  REQUIRE(vouch.look(at(1000)));
  EXPECT(!vouch.look(at(1600)));
  EXPECT(vouch.is_hung(at(1600)));
  vouch.answer();
  EXPECT(!vouch.is_hung(at(1600)));
}

TEST(what_the_beat_thread_slept_through_the_loop_had_no_time_for) {
  Vouch vouch(at(1000), kHangAfter);
  REQUIRE(vouch.look(at(1000)));
  // Stopped with its process from 1,100, the planned time, to 9,100.
  vouch.excuse(at(9100), Nanos::millis(8000));
  EXPECT(!vouch.look(at(9100)));
  EXPECT(vouch.age(at(9100)) == Nanos::millis(100));
  EXPECT(!vouch.is_hung(at(9499)));
  EXPECT(vouch.is_hung(at(9500)));
  vouch.excuse(at(9501), Nanos::millis(60'000));
  EXPECT(vouch.age(at(9501)) == Nanos{0});
}

TEST(an_announced_block_is_busy_and_counts_from_its_end) {
  Vouch vouch(at(1000), kHangAfter);
  REQUIRE(vouch.look(at(1000)));
  vouch.announce_block(at(2500));
  for (std::int64_t now = 1001; now < 2500; ++now) {
    EXPECT(!vouch.look(at(now)));
    EXPECT(vouch.is_busy());
    EXPECT(vouch.age(at(now)) == Nanos{0});
    EXPECT(vouch.next_deadline(at(now)) == at(3000));
  }
  EXPECT(!vouch.look(at(2600)));
  EXPECT(!vouch.is_busy());
  EXPECT(vouch.age(at(2600)) == Nanos::millis(100));
  EXPECT(!vouch.is_hung(at(2999)));
  EXPECT(vouch.is_hung(at(3000)));
}

TEST(a_block_that_ends_early_is_not_held_against_the_loop) {
  Vouch vouch(at(1000), kHangAfter);
  REQUIRE(vouch.look(at(1000)));
  vouch.announce_block(at(9000));
  EXPECT(!vouch.look(at(2000)));
  vouch.announce_block(at(2001));
  EXPECT(!vouch.look(at(2010)));
  EXPECT(!vouch.is_busy());
  EXPECT(vouch.age(at(2010)) == Nanos::millis(9));
}

TEST(a_block_of_the_past_does_not_excuse_the_present) {
  Vouch vouch(at(1000), kHangAfter);
  vouch.announce_block(at(1100));
  REQUIRE(vouch.look(at(1000)));
  vouch.answer();
  REQUIRE(vouch.look(at(1200)));
  EXPECT(vouch.age(at(1300)) == Nanos::millis(100));
  vouch.excuse(at(1300), Nanos{0});
  EXPECT(vouch.age(at(1300)) == Nanos::millis(100));
}

TEST(a_stall_within_a_block_is_excused_but_once) {
  Vouch vouch(at(1000), kHangAfter);
  REQUIRE(vouch.look(at(1000)));
  vouch.announce_block(at(2000));
  EXPECT(!vouch.look(at(1500)));
  // The thread slept from 1,600 to 2,400: the block ended meanwhile, and the rest is excused.
  vouch.excuse(at(2400), Nanos::millis(800));
  EXPECT(!vouch.look(at(2400)));
  EXPECT(vouch.age(at(2400)) == Nanos{0});
  EXPECT(vouch.is_hung(at(2900)));
}

TEST(a_loop_that_answers_from_its_own_thread_is_never_hung) {
  Vouch vouch(at(0), kHangAfter);
  std::atomic<bool> is_done{false};
  std::thread loop([&] {
    while (!is_done.load(std::memory_order_acquire)) {
      vouch.answer();
      vouch.announce_block(at(0));
      std::this_thread::yield();
    }
  });
  int questions = 0;
  for (std::int64_t now = 0; questions < 1000; ++now) {
    if (vouch.look(at(now))) ++questions;
    // Time stands until the loop had its turn.
    while (vouch.age(at(now)) > Nanos::millis(100)) {
      std::this_thread::yield();
      static_cast<void>(vouch.look(at(now)));
    }
    EXPECT(!vouch.is_hung(at(now)));
  }
  is_done.store(true, std::memory_order_release);
  loop.join();
}

TEST_MAIN()
