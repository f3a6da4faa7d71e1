// One pair on a hand clock, with a test in the place of the peer: what its beats say of its event
// loop, and when it gives a reign up for being asked.
#include "hand_pair.hpp"
#include "harness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;
using namespace hotpair::test;

TEST(a_hung_primary_that_is_asked_gives_up_shuts_its_gate_and_says_so_at_once) {
  HandPair hand;
  begin_as_primary(hand);
  hang(hand, 700);
  EXPECT(hand.gate().is_open(hand.boot()));
  static_cast<void>(hand.said());
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, kEpoch);
  EXPECT(!hand.gate().is_open(hand.boot()));
  EXPECT(hand.said() >= 1);
  EXPECT_EQ(hand.renounced_in_last(), kEpoch);
  // It says who it is as before: what it becomes is JavaScript's to say.
  EXPECT(presence::is_primary(hand.last().presence));
  EXPECT_EQ(presence::word(hand.last().presence, presence::kEpoch), kEpoch);
  // And goes on saying so.
  hand.pass(300);
  EXPECT(hand.said() >= 3);
  EXPECT_EQ(hand.renounced_in_last(), kEpoch);
  hand.gate().open();
  EXPECT(!hand.gate().is_open(hand.boot()));
  EXPECT_EQ(hand.gate().disarm(), kEpoch);
  // The next presence of that reign is still one that was given up, of the next one it is not.
  hand.announce(said_by(presence::kPrimary, kEpoch));
  EXPECT(hand.said() >= 1);
  EXPECT_EQ(hand.renounced_in_last(), kEpoch);
  hand.announce(said_by(kStandby, kEpoch + 1));
  EXPECT(hand.said() >= 1);
  EXPECT_EQ(hand.renounced_in_last(), 0u);
}

TEST(a_primary_that_does_not_hang_ignores_the_asking) {
  HandPair hand;
  begin_as_primary(hand);
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, 0u);
  // Nor when it has come back between the finding and the asking.
  hang(hand, 700);
  hand.event_loop.go_on();
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, 0u);
  EXPECT(hand.gate().is_open(hand.boot()));
  EXPECT_EQ(hand.gate().disarm(), 0u);
}

TEST(asked_for_another_reign_or_by_one_of_another_reign_nobody_gives_up) {
  HandPair hand;
  begin_as_primary(hand);
  hang(hand, 700);
  hand.hear(said_by(kStandby, kEpoch, kEpoch + 2));
  hand.hear(said_by(kStandby, kEpoch, kEpoch - 2));
  hand.hear(said_by(kStandby, kEpoch - 2, kEpoch));
  // Two that say they rule one reign: neither is the other's standby.
  hand.hear(said_by(presence::kPrimary, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, 0u);
  hand.gate().arm(kEpoch + 2);
  hand.hear(said_by(kStandby, kEpoch, kEpoch + 2));
  EXPECT_EQ(hand.view().renounced_natively, 0u);
}

TEST(a_member_that_is_not_armed_does_not_give_up) {
  HandPair hand;
  begin_as_primary(hand);
  EXPECT_EQ(hand.gate().disarm(), 0u);
  hang(hand, 700);
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, 0u);
  EXPECT(hand.gate().is_open(hand.boot()));
}

TEST(a_standby_that_is_asked_gives_up_with_a_living_loop) {
  HandPair hand;
  hand.announce(said_by(kStandby, kEpoch));
  hand.hear(said_by(presence::kPrimary, kEpoch));
  hand.gate().arm(kEpoch);
  hand.pass(50);
  EXPECT_EQ(hand.view().renounced_natively, 0u);
  static_cast<void>(hand.said());
  hand.hear(said_by(presence::kPrimary, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, kEpoch);
  EXPECT(hand.said() >= 1);
  EXPECT_EQ(hand.renounced_in_last(), kEpoch);
  EXPECT_EQ(hand.gate().disarm(), kEpoch);
}

TEST(a_standby_that_missed_a_hand_over_gives_its_reign_up_to_the_one_that_sent_it) {
  HandPair hand;
  hand.announce(said_by(kStandby, kEpoch));
  hand.hear(said_by(presence::kPrimary, kEpoch));
  hand.gate().arm(kEpoch);
  hand.hear(said_by(kStandby, kEpoch + 1));
  EXPECT_EQ(hand.view().renounced_natively, 0u);
  hand.event_loop.stand();
  hand.hear(said_by(kStandby, kEpoch + 1, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, kEpoch);
}

TEST(an_asking_that_is_not_repeated_is_forgotten) {
  HandPair hand;
  begin_as_primary(hand);
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  // Nothing is heard while the loop hangs: the asking was for another hang.
  hand.event_loop.stand();
  hand.pass(900);
  EXPECT(hand.pair().vouch().is_hung());
  EXPECT_EQ(hand.view().renounced_natively, 0u);
}

TEST(a_primary_in_an_announced_block_does_not_give_up_and_says_busy) {
  HandPair hand;
  begin_as_primary(hand);
  hand.words().block_until = (hand.now() + Nanos::millis(1500)).nanos;
  hang(hand, 1300);
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, 0u);
  hand.pass(110);
  EXPECT(hand.said() >= 1);
  EXPECT((hand.last().flags & flag::kBusy) != 0);
  EXPECT_EQ(hand.last().vouch_age_ms, 0u);
  // The block ends, and the loop does not come back: its age begins there.
  hand.pass(440, [&, i = 0]() mutable {
    if (++i % 100 == 0) hand.hear(said_by(kStandby, kEpoch));
  });
  hand.pass(110);
  EXPECT(hand.said() >= 1);
  EXPECT((hand.last().flags & flag::kBusy) == 0);
  EXPECT(hand.last().vouch_age_ms > 300 && hand.last().vouch_age_ms < 500);
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, 0u);
  hand.pass(110);
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, kEpoch);
}

TEST(a_loop_that_reaches_hang_after_is_told_at_once_and_not_by_the_next_beat) {
  HandPair hand;
  begin_as_primary(hand);
  // Away from the schedule of the beats by 37 ms.
  hand.pass(137);
  hand.event_loop.stand();
  std::int64_t first_hung = 0;
  hand.pass(1000, [&, i = std::int64_t{0}]() mutable {
    ++i;
    if (hand.said() > 0 && first_hung == 0 && hand.last().vouch_age_ms >= 500) {
      first_hung = i;
      // Not an interval or more late.
      EXPECT_EQ(hand.last().vouch_age_ms, 500u);
      EXPECT((hand.last().flags & flag::kRegular) == 0);
    }
  });
  EXPECT_EQ(first_hung, 500 + 1);  // It left in the ms before.
}

TEST(the_frame_that_is_processed_goes_out_with_each_beat) {
  HandPair hand;
  begin_as_primary(hand);
  hand.board().frame_low.store(7, std::memory_order_relaxed);
  hand.board().frame_high.store(3, std::memory_order_relaxed);
  hand.pass(120);
  EXPECT(hand.said() >= 1);
  EXPECT_EQ(hand.last().in_frame, std::uint64_t{3} << 32 | 7);
}

// How long after it stood still a loop is found hung that comes to frame 7 after `wait_ms`.
std::int64_t hung_after(std::int64_t wait_ms) {
  HandPair hand;
  begin_as_primary(hand);
  hand.pass(126);
  hand.event_loop.stand();
  hand.pass(wait_ms);
  hand.board().frame_low.store(7, std::memory_order_relaxed);
  std::int64_t found = 0;
  hand.pass(900, [&] {
    static_cast<void>(hand.said());
    if (found != 0 || hand.last().vouch_age_ms < 500) return;
    found = hand.now().nanos / 1'000'000 - 5'126;
    EXPECT_EQ(hand.last().in_frame, 7u);
  });
  return found;
}

TEST(a_frame_is_named_for_a_hang_only_if_the_loop_stood_in_it_for_all_of_it) {
  // The frame was begun with the stand-still, as far as anybody can tell; the beat that says so is
  // read a ms later.
  EXPECT_EQ(hung_after(0), 500 + 1);
  // It is noticed with the next beat, or sooner.
  EXPECT(hung_after(420) >= 420 + 500);
  EXPECT(hung_after(420) <= 420 + 500 + 100 + 1);
}

TEST(a_loop_that_goes_from_frame_to_frame_in_one_turn_does_not_hang) {
  HandPair hand;
  begin_as_primary(hand);
  hand.event_loop.stand();
  std::uint32_t frame = 0;
  hand.pass(2'000, [&] {
    if (hand.now().nanos / 1'000'000 % 40 == 0) hand.board().frame_low = ++frame;
    if (hand.now().nanos / 1'000'000 % 100 == 0) hand.hear(said_by(kStandby, kEpoch, kEpoch));
  });
  EXPECT(!hand.pair().vouch().is_hung());
  EXPECT_EQ(hand.gate().armed().epoch(), kEpoch);
  hand.pass(700);  // It stays in the last one.
  EXPECT(hand.pair().vouch().is_hung());
}

TEST(nobody_gives_up_for_one_that_has_given_up_itself) {
  HandPair hand;
  begin_as_primary(hand);
  hang(hand, 700);
  Presence asking = said_by(kStandby, kEpoch, kEpoch);
  store_little<std::uint64_t>(asking.data() + presence::kRenounced, kEpoch);
  hand.hear(asking);
  EXPECT_EQ(hand.gate().armed().epoch(), kEpoch);
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  EXPECT_EQ(hand.gate().armed().epoch(), 0u);
}

TEST(a_peer_is_hung_by_its_own_account_until_it_says_less) {
  HandPair hand;
  begin_as_primary(hand);
  const auto verdict = [&] { return static_cast<Verdict>(hand.view().verdict); };
  hand.hear(said_by(kStandby, kEpoch), 499);
  EXPECT(verdict() == Verdict::kNone);
  static_cast<void>(hand.words().has_news.exchange(0, std::memory_order_relaxed));
  hand.pass(1);
  hand.in_frame = 42;
  hand.hear(said_by(kStandby, kEpoch), 500);
  EXPECT(verdict() == Verdict::kHung);
  EXPECT_EQ(hand.view().peer_in_frame, 42u);
  EXPECT_EQ(hand.view().verdict_at, static_cast<std::uint64_t>(hand.now().nanos));
  EXPECT(hand.words().has_news.exchange(0, std::memory_order_relaxed));
  hand.pass(1);
  hand.hear(said_by(kStandby, kEpoch), 800, flag::kBusy);
  EXPECT(verdict() == Verdict::kNone);
  EXPECT_EQ(hand.view().is_peer_busy, 1u);
  EXPECT(hand.words().has_news.exchange(0, std::memory_order_relaxed));
  hand.pass(1);
  hand.hear(said_by(kStandby, kEpoch), 900);
  EXPECT(verdict() == Verdict::kHung);
  hand.pass(1);
  hand.hear(said_by(kStandby, kEpoch), 3);
  EXPECT(verdict() == Verdict::kNone);
  EXPECT(hand.words().has_news.exchange(0, std::memory_order_relaxed));
}

TEST(a_beat_thread_that_stood_still_finds_neither_its_loop_nor_its_peer_hung) {
  HandPair hand;
  begin_as_primary(hand);
  hand.pass(130);
  hand.event_loop.stand();
  const Instant planned = hand.pair().next_deadline(hand.now());
  // The whole process was stopped for 8 s; nothing is heard, nobody had time to answer.
  const Instant woke = hand.now() + Nanos::millis(8000);
  hand.pair().excuse(woke, {woke - planned, woke - planned});
  static_cast<void>(hand.pair().work(woke, BootInstant{woke.nanos}));
  EXPECT(!hand.pair().vouch().is_hung());
  EXPECT(static_cast<Verdict>(hand.view().verdict) == Verdict::kNone);
  EXPECT_EQ(hand.view().stall_count, 1u);
}

TEST(a_dead_server_leaves_nothing_that_is_due_for_ever) {
  HandPair hand;
  begin_as_primary(hand);
  hand.pair().obey(command::kGone, hand.now());
  hand.work();
  for (int i = 0; i < 20; ++i) {
    hand.pass(100);
    EXPECT(hand.pair().next_deadline(hand.now()) > hand.now());
  }
}

TEST_MAIN()
