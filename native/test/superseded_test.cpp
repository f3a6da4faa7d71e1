// When a hung member is told to be superseded, which may cost it its life: on a hand clock, with a
// test in the place of the other member. Never while it may be the last one that holds the state.
#include "hand_pair.hpp"
#include "harness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;
using namespace hotpair::test;

namespace {

// How often a member was told to be superseded.
struct Strikes {
  explicit Strikes(HandPair& hand) {
    hand.pair().superseded = {[](void* self) noexcept { ++static_cast<Strikes*>(self)->count; },
                              this};
  }

  int count = 0;
};

// Hung, asked by its standby, and renounced.
void give_up(HandPair& hand) {
  begin_as_primary(hand);
  hang(hand, 700);
  hand.hear(said_by(kStandby, kEpoch, kEpoch));
  CHECK(hand.view().renounced_natively == kEpoch);
}

Presence heir(std::uint64_t epoch = kEpoch + 1, std::uint64_t renounced = 0) {
  Presence said = said_by(presence::kPrimary, epoch);
  store_little<std::uint64_t>(said.data() + presence::kRenounced, renounced);
  return said;
}

}  // namespace

TEST(a_hung_member_is_superseded_when_the_other_rules_and_once) {
  HandPair hand(true);
  Strikes strikes(hand);
  give_up(hand);
  EXPECT_EQ(strikes.count, 0);
  hand.pass(50);
  hand.hear(said_by(kStandby, kEpoch));
  EXPECT_EQ(strikes.count, 0);
  hand.hear(heir());
  EXPECT_EQ(strikes.count, 1);
  hand.pass(100);
  hand.hear(heir());
  EXPECT_EQ(strikes.count, 1);
}

TEST(a_hung_standby_that_has_given_up_is_superseded_by_its_primary_alone) {
  HandPair hand(true);
  Strikes strikes(hand);
  hand.announce(said_by(kStandby, kEpoch));
  hand.hear(said_by(presence::kPrimary, kEpoch));
  hand.gate().arm(kEpoch);
  hand.event_loop.stand();
  hand.hear(said_by(presence::kPrimary, kEpoch, kEpoch));
  EXPECT_EQ(hand.view().renounced_natively, kEpoch);
  hand.pass(700, [&, i = 0]() mutable {
    if (++i % 100 == 0) hand.hear(said_by(presence::kPrimary, kEpoch));
  });
  EXPECT(hand.pair().vouch().is_hung());
  // It rules the same reign still: it may yet wait for this one.
  EXPECT_EQ(strikes.count, 0);
  hand.hear(heir(kEpoch + 2));
  EXPECT_EQ(strikes.count, 1);
}

TEST(nobody_is_superseded_where_that_was_not_asked_for) {
  HandPair hand(false);
  Strikes strikes(hand);
  give_up(hand);
  hand.hear(heir());
  EXPECT_EQ(strikes.count, 0);
}

TEST(alone_it_is_never_superseded) {
  HandPair hand(true);
  Strikes strikes(hand);
  give_up(hand);
  // Whatever the other said before, it is not heard any more.
  hand.pass(5'000);
  EXPECT(hand.pair().vouch().is_hung());
  EXPECT_EQ(strikes.count, 0);
}

TEST(one_that_has_given_nothing_up_is_never_superseded) {
  HandPair hand(true);
  Strikes strikes(hand);
  begin_as_primary(hand);
  EXPECT_EQ(hand.gate().disarm(), 0u);
  hang(hand, 700);
  EXPECT(hand.pair().vouch().is_hung());
  hand.hear(heir());
  EXPECT_EQ(strikes.count, 0);
  // Nor one that hangs before it held a place.
  HandPair blank(true);
  Strikes on_blank(blank);
  blank.announce(said_by(0, 0));
  blank.hear(heir());
  hang(blank, 700);
  EXPECT(blank.pair().vouch().is_hung());
  blank.hear(heir());
  EXPECT_EQ(on_blank.count, 0);
}

TEST(one_that_came_back_is_not_superseded) {
  HandPair hand(true);
  Strikes strikes(hand);
  give_up(hand);
  hand.event_loop.go_on();
  hand.hear(heir());
  EXPECT_EQ(strikes.count, 0);
  // What it loads now it holds in the other's reign.
  hand.announce(said_by(1, kEpoch + 1));
  hand.event_loop.stand();
  hand.pass(700, [&, i = 0]() mutable {
    if (++i % 100 == 0) hand.hear(heir());
  });
  EXPECT(hand.pair().vouch().is_hung());
  EXPECT_EQ(strikes.count, 0);
}

TEST(one_whose_gate_stands_open_is_not_superseded) {
  HandPair hand(true);
  Strikes strikes(hand);
  give_up(hand);
  // As by a neighbour that is broken: after a renunciation only JavaScript can open it.
  EXPECT_EQ(hand.gate().disarm(), kEpoch);
  hand.gate().open();
  EXPECT(hand.gate().is_open(hand.boot()));
  hand.hear(heir());
  EXPECT_EQ(strikes.count, 0);
}

TEST(an_heir_that_does_not_rule_beyond_doubt_supersedes_nobody) {
  HandPair hand(true);
  Strikes strikes(hand);
  give_up(hand);
  hand.hear(heir(kEpoch));      // Of the same reign.
  hand.hear(heir(kEpoch - 1));  // Of an earlier one.
  hand.hear(heir(kEpoch + 1, kEpoch + 1));
  hand.hear(said_by(kStandby, kEpoch + 1));
  hand.hear(heir(), 700);  // It hangs itself.
  EXPECT_EQ(strikes.count, 0);
  hand.pass(1);
  hand.hear(heir(), 0, flag::kGone);
  EXPECT_EQ(strikes.count, 0);
  hand.pass(1);
  hand.hear(heir());
  EXPECT_EQ(strikes.count, 1);
}

TEST_MAIN()
