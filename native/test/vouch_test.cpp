// The vouch by a hand clock: how the age of a turn grows, what is not counted, when a loop is asked
// and when it counts as hung.
#include "heartbeat/vouch.hpp"

#include <thread>

#include "hand_loop.hpp"
#include "harness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;
using hotpair::test::HandLoop;

namespace {

constexpr Nanos kHangAfter = Nanos::millis(500);

constexpr Instant at(std::int64_t millis) { return Instant{} + Nanos::millis(millis); }

// A loop that came round at 1,000 and waits, and its vouch.
struct Hand {
  Instant now = at(1000);
  HandLoop loop{&now};
  std::atomic<std::int64_t> block_until{0};
  Vouch vouch{loop.watch(), block_until, now, kHangAfter};

  bool look(std::int64_t millis) {
    now = at(millis);
    return vouch.look(now);
  }
  void stand(std::int64_t millis) {
    now = at(millis);
    loop.stand();
  }
  void turn(std::int64_t millis) {
    now = at(millis);
    loop.turn();
  }
  void go_on(std::int64_t millis) {
    now = at(millis);
    loop.go_on();
  }
};

}  // namespace

TEST(a_loop_that_waits_has_no_age_and_is_asked_four_times_in_hang_after) {
  Hand hand;
  EXPECT(!hand.look(1000));
  EXPECT(hand.vouch.next_deadline() == at(1125));
  EXPECT(!hand.look(1124));
  EXPECT(hand.look(1125));
  EXPECT(hand.vouch.age() == Nanos{0});
  hand.turn(1126);
  EXPECT(!hand.look(1130));
  EXPECT(hand.vouch.next_deadline() == at(1251));
  EXPECT(hand.look(1251));
}

TEST(a_loop_that_turns_by_itself_is_not_asked) {
  Hand hand;
  for (std::int64_t now = 1001; now < 5000; ++now) {
    if (now % 100 == 0) hand.turn(now);
    EXPECT(!hand.look(now));
    EXPECT(hand.vouch.age() == Nanos{0});
  }
}

TEST(the_age_counts_from_the_end_of_the_wait_and_a_hang_is_known_to_the_moment) {
  Hand hand;
  hand.look(1000);
  hand.look(1100);
  hand.stand(1150);
  EXPECT(hand.look(1200));
  EXPECT(hand.vouch.age() == Nanos::millis(50));
  EXPECT(hand.vouch.next_deadline() == at(1650));
  EXPECT(!hand.look(1300));
  EXPECT(hand.vouch.age() == Nanos::millis(150));
  EXPECT(hand.vouch.next_deadline() == at(1650));
  EXPECT(!hand.look(1649));
  EXPECT(!hand.vouch.is_hung());
  EXPECT(!hand.look(1650));
  EXPECT(hand.vouch.is_hung());
  EXPECT(hand.vouch.next_deadline() == kNever);
  EXPECT(!hand.look(1700));
  EXPECT(hand.vouch.age() == Nanos::millis(550));
  hand.go_on(1800);
  EXPECT(!hand.look(1810));
  EXPECT(!hand.vouch.is_hung());
  EXPECT(hand.vouch.age() == Nanos{0});
}

TEST(a_hang_is_known_to_the_moment_whenever_in_a_turn_it_begins) {
  for (std::int64_t begin = 1001; begin < 1300; begin += 7) {
    Hand hand;
    std::int64_t turned_at = 1000;
    std::int64_t found = 0;
    // Looks once in 100 ms, and whenever the vouch plans one; a loop that runs turns when rung.
    for (std::int64_t now = 1001; found == 0 && now < 3000; ++now) {
      if (now == begin) hand.stand(now);
      if (now % 100 != 0 && at(now) < hand.vouch.next_deadline()) continue;
      if (hand.look(now) && now < begin) hand.turn(turned_at = now);
      if (hand.vouch.is_hung()) found = now;
    }
    EXPECT_EQ(found, begin + 500);
    EXPECT(turned_at <= begin);
  }
}

TEST(a_turn_or_a_decision_counts_at_once_and_not_from_the_next_look) {
  Hand hand;
  hand.stand(1000);
  hand.look(1600);
  EXPECT(hand.vouch.is_hung());
  hand.go_on(1600);
  EXPECT(!hand.vouch.is_hung());
  EXPECT(hand.vouch.age() == Nanos{0});
}

TEST(a_loop_that_died_in_its_wait_is_found_by_the_question) {
  Hand hand;
  hand.look(1100);
  // It is given no processor from here on: by its own count it waits.
  EXPECT(hand.look(1125));
  EXPECT(!hand.look(1400));
  EXPECT(hand.vouch.age() == Nanos::millis(275));
  EXPECT(!hand.look(1624));
  EXPECT(!hand.vouch.is_hung());
  EXPECT(hand.vouch.next_deadline() == at(1625));
  EXPECT(!hand.look(1625));
  EXPECT(hand.vouch.is_hung());
}

TEST(a_loop_whose_waiting_nobody_counts_is_alive_as_long_as_it_answers) {
  Hand hand;
  hand.stand(1000);  // Its count of waiting stands still, though it waits.
  std::int64_t questions = 0;
  for (std::int64_t now = 1001; now < 5000; ++now) {
    if (hand.look(now)) {
      ++questions;
      hand.turn(now);
    }
    EXPECT(hand.vouch.age() <= Nanos::millis(125));
  }
  EXPECT_EQ(questions, 31);
}

TEST(what_the_beat_thread_slept_through_the_loop_had_no_time_for) {
  Hand hand;
  hand.stand(1000);
  hand.look(1100);
  // Stopped with its process from 1,125, the planned time, to 9,125.
  hand.vouch.excuse(Nanos::millis(8000));
  hand.look(9125);
  EXPECT(hand.vouch.age() == Nanos::millis(125));
  hand.look(9499);
  EXPECT(!hand.vouch.is_hung());
  hand.look(9500);
  EXPECT(hand.vouch.is_hung());
  hand.vouch.excuse(Nanos::millis(60'000));
  hand.look(9501);
  EXPECT(hand.vouch.age() == Nanos{0});
}

TEST(a_turn_that_began_while_the_beat_thread_slept_counts_from_its_end) {
  Hand hand;
  hand.look(1100);
  hand.turn(1130);
  hand.stand(1140);
  hand.vouch.excuse(Nanos::millis(8000));
  hand.look(9125);
  EXPECT(hand.vouch.age() == Nanos{0});
  hand.look(9624);
  EXPECT(!hand.vouch.is_hung());
  hand.look(9625);
  EXPECT(hand.vouch.is_hung());
}

TEST(what_was_slept_through_in_a_wait_does_not_excuse_the_next_turn) {
  Hand hand;
  hand.look(1100);
  hand.vouch.excuse(Nanos::millis(8000));
  EXPECT(hand.look(9125));
  hand.turn(9126);
  hand.look(9200);
  hand.stand(9200);
  hand.look(9699);
  EXPECT(!hand.vouch.is_hung());
  hand.look(9700);
  EXPECT(hand.vouch.is_hung());
}

TEST(work_seen_to_go_on_within_a_turn_is_counted_from_there) {
  Hand hand;
  hand.stand(1000);
  for (std::int64_t now = 1050; now < 4000; now += 50) {
    hand.vouch.note_progress();
    hand.look(now);
    EXPECT(hand.vouch.age() <= Nanos::millis(50));
  }
  hand.look(4449);
  EXPECT(!hand.vouch.is_hung());
  hand.look(4450);
  EXPECT(hand.vouch.is_hung());
}

TEST(work_seen_with_the_end_of_the_wait_was_begun_with_it) {
  Hand hand;
  hand.look(1120);
  hand.stand(1130);
  hand.vouch.note_progress();
  EXPECT(hand.look(1220));
  EXPECT(hand.vouch.age() == Nanos::millis(90));
  // It has gone on since.
  hand.vouch.note_progress();
  hand.look(1320);
  EXPECT(hand.vouch.age() == Nanos{0});
}

TEST(work_that_goes_on_behind_a_stop_of_the_process_counts_from_the_look) {
  Hand hand;
  hand.stand(1000);
  hand.look(1450);
  hand.vouch.note_progress();
  hand.vouch.excuse(Nanos::millis(8000));
  hand.look(9500);
  EXPECT(hand.vouch.age() == Nanos{0});
}

TEST(an_announced_block_is_busy_and_counts_from_its_end) {
  Hand hand;
  hand.stand(1000);
  hand.block_until = at(2500).nanos;
  for (std::int64_t now = 1001; now < 2500; ++now) {
    hand.look(now);
    EXPECT(hand.vouch.is_busy());
    EXPECT(hand.vouch.age() == Nanos{0});
    EXPECT(hand.vouch.next_deadline() == at(now < 1125 ? 1125 : 3000));
  }
  hand.look(2600);
  EXPECT(!hand.vouch.is_busy());
  EXPECT(hand.vouch.age() == Nanos::millis(100));
  hand.look(2999);
  EXPECT(!hand.vouch.is_hung());
  hand.look(3000);
  EXPECT(hand.vouch.is_hung());
}

TEST(a_block_that_ends_early_is_not_held_against_the_loop) {
  Hand hand;
  hand.stand(1000);
  hand.block_until = at(9000).nanos;
  hand.look(2000);
  hand.block_until = at(2001).nanos;
  hand.look(2010);
  EXPECT(!hand.vouch.is_busy());
  EXPECT(hand.vouch.age() == Nanos::millis(9));
}

TEST(a_block_of_the_past_does_not_excuse_the_present) {
  Hand hand;
  hand.block_until = at(1100).nanos;
  hand.look(1150);
  hand.turn(1200);
  hand.stand(1200);
  hand.look(1400);
  EXPECT(hand.vouch.age() == Nanos::millis(200));
}

TEST(a_stall_within_a_block_is_excused_but_once) {
  Hand hand;
  hand.stand(1000);
  hand.block_until = at(2000).nanos;
  hand.look(1500);
  // The thread slept from 1,600 to 2,400: the block ended meanwhile, and the rest is excused.
  hand.vouch.excuse(Nanos::millis(800));
  hand.look(2400);
  EXPECT(hand.vouch.age() == Nanos{0});
  hand.look(2900);
  EXPECT(hand.vouch.is_hung());
}

TEST(a_loop_that_turns_in_its_own_thread_is_never_found_hung) {
  // The loop's clock runs with the looks; by its own count it never waits.
  std::atomic<std::int64_t> millis{1000};
  LoopTurns turns;
  const auto waited = [](const void*) noexcept { return Nanos{0}; };
  std::atomic<std::int64_t> block_until{0};
  Vouch vouch({&turns, waited, nullptr}, block_until, at(1000), kHangAfter);
  std::atomic<bool> is_done{false};
  std::thread loop([&] {
    while (!is_done.load(std::memory_order_acquire)) {
      turns.note(at(millis.load(std::memory_order_acquire)), Nanos{0});
      block_until = at(0).nanos;
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t now = millis.fetch_add(50, std::memory_order_acq_rel) + 50;
    static_cast<void>(vouch.look(at(now)));
    // Time stands until the loop had its turn.
    while (vouch.age() > Nanos::millis(100)) std::this_thread::yield();
    EXPECT(!vouch.is_hung());
  }
  is_done.store(true, std::memory_order_release);
  loop.join();
}

TEST(rubbish_in_the_words_of_a_loop_is_bounded) {
  const std::int64_t rubbish[] = {INT64_MIN, INT64_MIN + 1, -1, INT64_MAX - 1, INT64_MAX};
  for (const std::int64_t began_at : rubbish) {
    for (const std::int64_t until : rubbish) {
      LoopTurns turns;
      std::atomic<std::int64_t> block_until{until};
      const LoopWatch watch{&turns, [](const void*) noexcept { return Nanos{INT64_MAX}; }, nullptr};
      Vouch vouch(watch, block_until, at(1000), kHangAfter);
      turns.note(Instant{began_at}, Nanos{until});
      for (std::int64_t millis = 1000; millis < 3000; millis += 100) {
        static_cast<void>(vouch.look(at(millis)));
        EXPECT(vouch.age() >= Nanos{0} && vouch.age() <= at(millis) + Nanos{1} - Instant{});
        EXPECT(vouch.next_deadline() > at(millis));
      }
    }
  }
}

TEST_MAIN()
