// Suspicion, schedule and probes by a hand clock: when silence is late, suspect, unreachable, and
// when a process is gone.
#include "heartbeat/suspicion.hpp"

#include "harness.hpp"
#include "heartbeat/beat_schedule.hpp"
#include "heartbeat/probe.hpp"
#include "heartbeat/promptness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;

namespace {

constexpr Timing kTiming{Nanos::millis(100), Nanos::millis(500)};

constexpr Instant at(std::int64_t millis) { return Instant{} + Nanos::millis(millis); }

// A peer that was heard at 1,000 ms, when own packet 10 was the newest it had heard.
Suspicion heard() {
  Suspicion suspicion(kTiming);
  suspicion.adopt(at(1000));
  suspicion.judge(at(1000), false);
  return suspicion;
}

// Judges every ms up to `until`, beginning rounds as the loop does; returns when a verdict came.
Instant judge_until(Suspicion& suspicion, std::int64_t from, std::int64_t until) {
  for (std::int64_t now = from; now <= until; ++now) {
    if (suspicion.wants_round(at(now))) suspicion.begin_round(at(now), 11);
    suspicion.judge(at(now), false);
    if (suspicion.verdict() != Verdict::kNone) return at(now);
  }
  return kNever;
}

}  // namespace

TEST(a_peer_that_was_never_heard_is_neither_late_nor_gone) {
  Suspicion suspicion(kTiming);
  suspicion.ask();
  EXPECT(!suspicion.wants_round(at(100'000)));
  suspicion.judge(at(100'000), true);
  EXPECT(suspicion.level() == Level::kUnheard);
  EXPECT(suspicion.verdict() == Verdict::kNone);
  EXPECT(suspicion.next_deadline() == kNever);
}

TEST(silence_is_late_after_one_and_a_half_intervals_and_probed_then) {
  Suspicion suspicion = heard();
  EXPECT(suspicion.level() == Level::kAlive);
  EXPECT(suspicion.next_deadline() == at(1150));
  suspicion.judge(at(1149), false);
  EXPECT(suspicion.level() == Level::kAlive);
  EXPECT(!suspicion.wants_round(at(1149)));
  EXPECT(suspicion.wants_round(at(1150)));
  suspicion.begin_round(at(1150), 11);
  suspicion.judge(at(1150), false);
  EXPECT(suspicion.level() == Level::kLate);
  EXPECT(suspicion.next_deadline() == at(1160));
  suspicion.judge(at(1159), false);
  EXPECT(suspicion.level() == Level::kLate);
  suspicion.judge(at(1160), false);
  EXPECT(suspicion.level() == Level::kSuspect);
}

TEST(unreachable_comes_at_the_end_of_the_window_and_never_sooner) {
  Suspicion suspicion = heard();
  EXPECT(judge_until(suspicion, 1000, 1499) == kNever);
  EXPECT(judge_until(suspicion, 1500, 1500) == at(1500));
  EXPECT(suspicion.verdict() == Verdict::kUnreachable);
  EXPECT(suspicion.verdict_at() == at(1500));
  EXPECT(suspicion.is_late(at(1500)));
}

TEST(own_lateness_is_taken_out_of_silence_and_never_starts_it_anew) {
  Suspicion suspicion = heard();
  // This thread stood still from 1,100 to 4,100: 3,000 less the tolerance of 12.5 ms.
  suspicion.excuse(at(4100), Nanos::millis(3000));
  EXPECT(judge_until(suspicion, 4100, 4487) == kNever);
  EXPECT(judge_until(suspicion, 4488, 4600) == at(4488));
}

TEST(small_lateness_is_no_excuse_however_often) {
  Suspicion suspicion = heard();
  for (std::int64_t now = 1000; now < 1500; now += 10) {
    suspicion.excuse(at(now), Nanos::millis(12));
  }
  EXPECT(judge_until(suspicion, 1490, 1510) == at(1500));
}

TEST(an_excuse_is_never_later_than_now) {
  Suspicion suspicion = heard();
  suspicion.excuse(at(1001), Nanos::millis(60'000));
  EXPECT(judge_until(suspicion, 1001, 2000) == at(1501));
}

TEST(only_an_answer_to_its_probes_ends_a_round) {
  Suspicion suspicion = heard();
  suspicion.ask();
  REQUIRE(suspicion.wants_round(at(1001)));
  suspicion.begin_round(at(1001), 11);
  // A beat that was under way: life then, but no answer.
  suspicion.hear(at(1002), 10, false);
  EXPECT(suspicion.is_probing());
  suspicion.judge(at(1003), true);
  EXPECT(suspicion.verdict() == Verdict::kProcessGone);
  EXPECT(suspicion.verdict_at() == at(1003));

  Suspicion other = heard();
  other.ask();
  other.begin_round(at(1001), 11);
  other.hear(at(1002), 11, false);
  EXPECT(!other.is_probing());
  other.judge(at(1003), true);
  EXPECT(other.verdict() == Verdict::kNone);
  EXPECT(other.level() == Level::kAlive);
}

TEST(refusals_without_a_round_say_nothing) {
  Suspicion suspicion = heard();
  suspicion.judge(at(1001), true);
  EXPECT(suspicion.verdict() == Verdict::kNone);
}

TEST(a_fresh_packet_takes_back_any_verdict) {
  Suspicion suspicion = heard();
  REQUIRE(judge_until(suspicion, 1000, 1500) != kNever);
  suspicion.hear(at(2000), 11, false);
  suspicion.judge(at(2000), false);
  EXPECT(suspicion.verdict() == Verdict::kNone);
  EXPECT(suspicion.level() == Level::kAlive);
  suspicion.ask();
  suspicion.begin_round(at(2001), 20);
  suspicion.judge(at(2001), true);
  REQUIRE(suspicion.verdict() == Verdict::kProcessGone);
  suspicion.hear(at(2002), 20, false);
  EXPECT(suspicion.verdict() == Verdict::kNone);
}

TEST(process_gone_is_final_without_a_packet_and_unreachable_may_become_it) {
  Suspicion suspicion = heard();
  REQUIRE(judge_until(suspicion, 1000, 1500) != kNever);
  suspicion.ask();
  REQUIRE(suspicion.wants_round(at(1600)));
  suspicion.begin_round(at(1600), 30);
  suspicion.judge(at(1601), true);
  EXPECT(suspicion.verdict() == Verdict::kProcessGone);
  suspicion.ask();
  EXPECT(!suspicion.wants_round(at(1602)));
  EXPECT(judge_until(suspicion, 1602, 3000) == at(1602));
  EXPECT(suspicion.verdict_at() == at(1601));
  EXPECT(suspicion.next_deadline() == kNever);
}

TEST(a_packet_that_says_so_is_hung_until_a_later_one_says_otherwise) {
  Suspicion suspicion = heard();
  suspicion.hear(at(1100), 11, true);
  suspicion.judge(at(1100), false);
  EXPECT(suspicion.verdict() == Verdict::kHung);
  EXPECT(suspicion.verdict_at() == at(1100));
  EXPECT(suspicion.level() == Level::kAlive);
  // Hung is not silent: it is not late, and it is not probed for that.
  EXPECT(!suspicion.is_late(at(1101)));
  EXPECT(!suspicion.wants_round(at(1101)));
  suspicion.hear(at(1200), 12, true);
  suspicion.judge(at(1200), false);
  EXPECT(suspicion.verdict_at() == at(1100));
  suspicion.hear(at(1300), 13, false);
  suspicion.judge(at(1300), false);
  EXPECT(suspicion.verdict() == Verdict::kNone);
  EXPECT(suspicion.next_deadline() == at(1450));
}

TEST(silence_and_refusals_outrank_hung) {
  Suspicion suspicion = heard();
  suspicion.hear(at(1000), 10, true);
  REQUIRE(judge_until(suspicion, 1000, 1499) == at(1000));
  for (std::int64_t now = 1001; now <= 1500; ++now) suspicion.judge(at(now), false);
  EXPECT(suspicion.verdict() == Verdict::kUnreachable);
  EXPECT(suspicion.verdict_at() == at(1500));
  suspicion.hear(at(1600), 11, true);
  EXPECT(suspicion.verdict() == Verdict::kHung);
  EXPECT(suspicion.verdict_at() == at(1600));
  suspicion.ask();
  suspicion.begin_round(at(1601), 20);
  suspicion.judge(at(1601), true);
  EXPECT(suspicion.verdict() == Verdict::kProcessGone);
}

TEST(own_lateness_makes_nobody_hung) {
  Suspicion suspicion = heard();
  suspicion.excuse(at(9000), Nanos::millis(7900));
  suspicion.judge(at(9000), false);
  EXPECT(suspicion.verdict() == Verdict::kNone);
}

TEST(another_incarnation_is_not_hung_because_the_former_was) {
  Suspicion suspicion = heard();
  suspicion.hear(at(1100), 11, true);
  suspicion.adopt(at(1101));
  EXPECT(suspicion.verdict() == Verdict::kNone);
}

TEST(a_peer_that_beats_and_does_not_answer_is_not_probed_for_ever) {
  Suspicion suspicion = heard();
  suspicion.ask();
  suspicion.begin_round(at(1001), 11);
  for (std::int64_t now = 1001; now <= 1600; now += 50) {
    suspicion.hear(at(now), 5, false);
    suspicion.judge(at(now), false);
    EXPECT(suspicion.verdict() == Verdict::kNone);
  }
  EXPECT(!suspicion.is_probing());
  EXPECT(suspicion.level() == Level::kAlive);
}

TEST(probes_are_repeated_soon_at_first_and_less_often_then) {
  Suspicion suspicion = heard();
  suspicion.ask();
  suspicion.begin_round(at(1001), 11);
  EXPECT(suspicion.probe_spacing(at(1001)) == Nanos::millis(1));
  EXPECT(suspicion.probe_spacing(at(1002)) == Nanos::millis(1));
  EXPECT(suspicion.probe_spacing(at(1005)) == Nanos::millis(4));
  EXPECT(suspicion.probe_spacing(at(1200)) == kTiming.probe_period());
}

TEST(beats_keep_to_their_points_in_time_and_are_never_sent_in_a_burst) {
  BeatSchedule schedule(at(0), Nanos::millis(10));
  EXPECT(schedule.is_due(at(0)));
  schedule.advance(at(3));
  EXPECT(schedule.next() == at(10));
  EXPECT(!schedule.is_due(at(9)));
  schedule.advance(at(9));
  EXPECT(schedule.next() == at(10));
  schedule.advance(at(47));
  EXPECT(schedule.next() == at(50));
  schedule.advance(at(50));
  EXPECT(schedule.next() == at(60));
}

TEST(a_wake_knows_how_late_it_is_and_what_it_slept_through) {
  const auto boot = [](std::int64_t millis) { return BootInstant{} + Nanos::millis(millis); };
  WakeWatch watch(at(0), boot(500));
  Wake wake = watch.observe(at(5), boot(505), at(10));
  EXPECT(wake.lateness == Nanos{0} && wake.stood_still == Nanos{0});
  wake = watch.observe(at(17), boot(517), at(10));
  EXPECT(wake.lateness == Nanos::millis(7) && wake.stood_still == Nanos::millis(7));
  // Suspended for a minute: the monotonic clock does not see it.
  wake = watch.observe(at(21), boot(60'521), at(20));
  EXPECT(wake.lateness == Nanos::millis(1));
  EXPECT(wake.stood_still == Nanos::millis(60'001));
}

TEST(a_thread_runs_before_others_while_it_needs_little_and_atones_for_a_second) {
  Promptness promptness(at(0), Nanos::millis(7));
  EXPECT(promptness.observe(at(50), Nanos::millis(57)));
  EXPECT(promptness.observe(at(100), Nanos::millis(32)));
  // 26 ms in a tenth of a second.
  EXPECT(!promptness.observe(at(200), Nanos::millis(58)));
  EXPECT(!promptness.observe(at(1199), Nanos::millis(58)));
  EXPECT(promptness.observe(at(1300), Nanos::millis(58)));
  // As long as it is flooded it stays an ordinary one.
  Nanos cpu = Nanos::millis(58);
  for (std::int64_t now = 1400; now < 9000; now += 100) {
    cpu = cpu + Nanos::millis(99);
    EXPECT(!promptness.observe(at(now), cpu));
  }
}

TEST(a_link_says_gone_only_when_both_ports_and_udp_do) {
  const Nanos period = kTiming.probe_period();
  LinkProbes probes;
  probes.reset(at(0));
  EXPECT(!probes.says_gone(at(1000), kTiming));
  probes.first_packet_at = at(0);
  probes.control.began(at(0));
  probes.control.refused(at(0), period);
  EXPECT(!probes.says_gone(at(1000), kTiming));
  probes.data.began(at(0));
  probes.data.refused(at(0), period);
  // UDP is silent: only its grace of 20 ms stands between.
  EXPECT(!probes.says_gone(at(19), kTiming));
  EXPECT(probes.says_gone(at(20), kTiming));
  probes.is_udp_refused = true;
  EXPECT(probes.says_gone(at(1), kTiming));
  // A later connect that is accepted takes the refusal back.
  probes.data.began(at(10));
  probes.data.connected();
  EXPECT(!probes.says_gone(at(1000), kTiming));
  probes.data.ended(at(11), period);
  EXPECT(!probes.says_gone(at(1000), kTiming));
  probes.reset(at(20));
  EXPECT(!probes.control.is_refused() && !probes.is_udp_refused);
}

TEST(a_connect_is_repeated_by_period_soon_after_an_accept_and_after_its_deadline) {
  const Nanos period = Nanos::millis(10);
  const Nanos deadline = Nanos::millis(30);
  ConnectProbe probe;
  probe.reset(at(0));
  EXPECT(probe.is_due(at(0), deadline));
  probe.began(at(0));
  EXPECT(!probe.is_due(at(29), deadline));
  EXPECT(probe.is_due(at(30), deadline));
  probe.refused(at(1), period);
  EXPECT(probe.next_deadline(deadline) == at(11));
  probe.began(at(11));
  probe.connected();
  EXPECT(probe.next_deadline(deadline) == kNever);
  probe.refused(at(12), period);
  EXPECT(probe.is_refused());
  EXPECT(probe.next_deadline(deadline) == at(13));
}

TEST_MAIN()
