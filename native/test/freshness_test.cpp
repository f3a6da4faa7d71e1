// Which packets count as life: replays, duplicates, newcomers, twins; by a hand clock and without
// sockets.
#include "heartbeat/freshness.hpp"

#include "harness.hpp"
#include "heartbeat/answer_budget.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;

namespace {

constexpr Timing kTiming{Nanos::millis(100), Nanos::millis(500)};
constexpr std::uint64_t kSelf = 0xb1;
constexpr std::uint64_t kPeer = 0xa1;
constexpr std::uint64_t kNewcomer = 0xa2;

constexpr Instant at(std::int64_t millis) { return Instant{} + Nanos::millis(millis); }

// A packet that echoes own packet `echo_seq`, which was sent at `echo_sent`.
Beat packet(std::uint64_t incarnation, std::uint64_t seq, std::uint64_t echo_seq,
            Instant echo_sent) {
  Beat beat;
  beat.incarnation = incarnation;
  beat.seq = seq;
  beat.echo = {kSelf, echo_seq, echo_sent.nanos, 0};
  return beat;
}

PeerIdentity known_peer() {
  PeerIdentity identity(kSelf, kTiming, 2);
  static_cast<void>(identity.observe(packet(kPeer, 100, 10, at(999)), {at(1000), 10}));
  return identity;
}

}  // namespace

TEST(a_packet_that_does_not_echo_this_incarnation_is_no_life) {
  PeerIdentity identity(kSelf, kTiming, 2);
  Beat beat = packet(kPeer, 1, 10, at(999));
  beat.echo.incarnation = 0;
  EXPECT(identity.observe(beat, {at(1000), 10}) == Freshness::kUnproven);
  beat.echo.incarnation = kSelf + 1;
  EXPECT(identity.observe(beat, {at(1000), 10}) == Freshness::kUnproven);
  EXPECT_EQ(identity.known(), 0u);
  EXPECT(identity.observe(packet(kPeer, 2, 10, at(999)), {at(1000), 10}) == Freshness::kAdopted);
  EXPECT_EQ(identity.known(), kPeer);
  EXPECT_EQ(identity.gone(), 0u);
}

TEST(who_is_expected_is_known_and_has_to_prove_itself) {
  PeerIdentity identity(kSelf, kTiming, 2);
  identity.expect(kPeer);
  EXPECT_EQ(identity.known(), kPeer);
  EXPECT(!identity.has_heard(kPeer));
  // What it had sent to the former place, and what an eavesdropper has kept of that.
  const Beat old = packet(kPeer, 7, 3, at(100));
  EXPECT(identity.observe(old, {at(1000), 10}) == Freshness::kUnproven);
  EXPECT(!identity.is_newest_of_known(old));
  // Another one waits until the expected one is late.
  EXPECT(identity.observe(packet(kNewcomer, 1, 10, at(999)), {at(1000), 10}) ==
         Freshness::kWaiting);
  EXPECT(identity.observe(packet(kPeer, 8, 10, at(999)), {at(1000), 10}) == Freshness::kAdopted);
  EXPECT(identity.has_heard(kPeer));
  EXPECT_EQ(identity.gone(), 0u);
  EXPECT(identity.observe(old, {at(1001), 10}) == Freshness::kDuplicate);
  EXPECT(identity.observe(packet(kPeer, 9, 10, at(999)), {at(1001), 10}) == Freshness::kFresh);
}

TEST(each_number_counts_once_and_copies_are_told_from_replays) {
  PeerIdentity identity = known_peer();
  const Circumstances now{at(1100), 11};
  EXPECT(identity.observe(packet(kPeer, 101, 10, at(999)), now) == Freshness::kFresh);
  // One copy more may come, over the other path.
  EXPECT(identity.observe(packet(kPeer, 101, 10, at(999)), now) == Freshness::kDuplicate);
  EXPECT(identity.observe(packet(kPeer, 101, 10, at(999)), now) == Freshness::kReplayed);
  EXPECT(identity.observe(packet(kPeer, 105, 11, at(999)), now) == Freshness::kFresh);
  // Overtaken on the way, over two paths.
  EXPECT(identity.observe(packet(kPeer, 103, 11, at(999)), now) == Freshness::kDuplicate);
  EXPECT(identity.observe(packet(kPeer, 103, 11, at(999)), now) == Freshness::kDuplicate);
  EXPECT(identity.observe(packet(kPeer, 103, 11, at(999)), now) == Freshness::kReplayed);
  EXPECT(identity.observe(packet(kPeer, 300, 11, at(999)), now) == Freshness::kFresh);
  EXPECT(identity.observe(packet(kPeer, 105, 11, at(999)), now) == Freshness::kReplayed);
}

TEST(a_recording_of_a_former_incarnation_is_never_a_newcomer) {
  PeerIdentity identity = known_peer();
  const Circumstances late{at(1400), 15, true, true};
  // Recorded before the known incarnation was last heard: it echoes no later packet than 10.
  for (std::uint64_t echo = 0; echo <= 10; ++echo) {
    EXPECT(identity.observe(packet(kNewcomer, 9, echo, at(1399)), late) == Freshness::kUnproven);
  }
  // It cannot echo what has not been sent.
  EXPECT(identity.observe(packet(kNewcomer, 9, 16, at(1399)), late) == Freshness::kUnproven);
  // Nor may it have lain anywhere for longer than a window.
  EXPECT(identity.observe(packet(kNewcomer, 9, 12, at(899)), late) == Freshness::kUnproven);
  EXPECT(identity.observe(packet(kNewcomer, 9, 12, at(1401)), late) == Freshness::kUnproven);
  EXPECT_EQ(identity.known(), kPeer);
  EXPECT(identity.observe(packet(kNewcomer, 9, 12, at(1399)), late) == Freshness::kAdopted);
  EXPECT_EQ(identity.known(), kNewcomer);
  EXPECT_EQ(identity.gone(), kPeer);
}

TEST(a_newcomer_takes_over_at_once_from_one_that_is_late_or_lost_its_connection) {
  for (const bool is_late : {false, true}) {
    PeerIdentity identity = known_peer();
    const Circumstances now{at(1100), 11, is_late, !is_late};
    EXPECT(identity.observe(packet(kNewcomer, 1, 11, at(1099)), now) == Freshness::kAdopted);
    EXPECT_EQ(identity.gone(), kPeer);
    EXPECT(identity.next_deadline() == kNever);
  }
}

TEST(a_newcomer_waits_for_a_living_one_to_fall_silent) {
  PeerIdentity identity = known_peer();
  const Circumstances now{at(1100), 11};
  EXPECT(identity.observe(packet(kNewcomer, 1, 11, at(1099)), now) == Freshness::kWaiting);
  EXPECT_EQ(identity.known(), kPeer);
  EXPECT(identity.next_deadline() == at(1250));
  EXPECT(!identity.settle({at(1249), 12}).has_value());
  EXPECT(identity.observe(packet(kNewcomer, 2, 12, at(1199)), {at(1200), 12}) ==
         Freshness::kWaiting);
  EXPECT(identity.next_deadline() == at(1250));
  const auto adopted = identity.settle({at(1250), 12});
  REQUIRE(adopted.has_value());
  EXPECT_EQ(adopted->seq, 2u);
  EXPECT_EQ(identity.known(), kNewcomer);
  EXPECT_EQ(identity.refused_count(), 0u);
}

TEST(a_newcomer_is_refused_when_the_known_one_is_heard_again) {
  PeerIdentity identity = known_peer();
  EXPECT(identity.observe(packet(kNewcomer, 1, 11, at(1099)), {at(1100), 11}) ==
         Freshness::kWaiting);
  EXPECT(identity.observe(packet(kPeer, 101, 11, at(1099)), {at(1101), 11}) == Freshness::kFresh);
  EXPECT_EQ(identity.refused_count(), 1u);
  EXPECT(!identity.settle({at(9000), 80}).has_value());
  EXPECT_EQ(identity.known(), kPeer);
}

TEST(a_waiting_newcomer_is_adopted_as_soon_as_the_known_one_loses_its_connection) {
  PeerIdentity identity = known_peer();
  EXPECT(identity.observe(packet(kNewcomer, 1, 11, at(1099)), {at(1100), 11}) ==
         Freshness::kWaiting);
  EXPECT(identity.settle({at(1101), 11, false, true}).has_value());
  EXPECT_EQ(identity.known(), kNewcomer);
}

TEST(only_the_newest_of_the_known_incarnation_brings_up_a_connection) {
  PeerIdentity identity = known_peer();
  EXPECT(identity.is_newest_of_known(packet(kPeer, 100, 10, at(999))));
  EXPECT(!identity.is_newest_of_known(packet(kPeer, 99, 10, at(999))));
  EXPECT(!identity.is_newest_of_known(packet(kNewcomer, 200, 10, at(999))));
  Beat stranger = packet(kPeer, 101, 10, at(999));
  stranger.echo.incarnation = 0;
  EXPECT(!identity.is_newest_of_known(stranger));
}

TEST(a_flood_of_recordings_is_answered_within_a_budget) {
  AnswerBudget budget;
  int answers = 0;
  for (int i = 0; i < 1000; ++i) answers += budget.take(at(1)) ? 1 : 0;
  EXPECT(answers >= 32 && answers <= 34);
  EXPECT(!budget.take(at(1)));
  EXPECT(budget.take(at(2)));
  answers = 0;
  for (int i = 0; i < 1000; ++i) answers += budget.take(at(60'000)) ? 1 : 0;
  EXPECT_EQ(answers, 32);
}

TEST_MAIN()
