// Two beat threads on loopback: what each finds when the other closes, falls silent, comes again,
// has another key, or when strangers speak.
#include "heartbeat/beat_loop.hpp"

#include <thread>

#include "beat_endpoint.hpp"
#include "harness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;
using hotpair::test::are_paired;
using hotpair::test::config_of;
using hotpair::test::Endpoint;
using hotpair::test::eventually;
using hotpair::test::local;
using hotpair::test::Ports;

namespace {

std::uint16_t next(std::uint16_t port) { return static_cast<std::uint16_t>(port + 1); }

// A process that holds a port and never says anything, as a stopped one does.
UniqueFd mute_listener(std::uint16_t port) {
  UniqueFd listener;
  // The port may be let go a moment later.
  CHECK(eventually([&] {
    Result<UniqueFd> opened = open_listener(local(port));
    if (!opened.ok()) return false;
    listener = std::move(opened).value();
    return true;
  }));
  return listener;
}

}  // namespace

TEST(two_members_find_each_other_alive_and_connected) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports), 7);
  Endpoint b(config_of(1, 0xb1, ports), 8);
  REQUIRE(are_paired(a, b));
  EXPECT_EQ(a.view().peer_incarnation, 0xb1u);
  EXPECT_EQ(b.view().peer_incarnation, 0xa1u);
  EXPECT_EQ(a.view().peer_presence[0], 8);
  EXPECT_EQ(b.view().peer_presence[127], 7);
  EXPECT(eventually([&] { return a.view().round_trip > 0 && b.view().round_trip > 0; }));
  EXPECT(Nanos{static_cast<std::int64_t>(a.view().round_trip)} < Nanos::millis(400));
  EXPECT(eventually([&] { return a.view().answered_seq > 3; }));
  EXPECT_EQ(a.view().bad_mac + a.view().malformed + a.view().replayed + a.view().same_member, 0u);
}

TEST(a_presence_arrives_at_once_and_rings_while_beats_do_not) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(a, b));
  const std::uint64_t rings = b.rings();
  const std::uint64_t heard = b.view().heard_at;
  REQUIRE(eventually([&] { return b.view().heard_at > heard + 60'000'000; }));
  // Machines that stand still may make a beat late; then the suspicion has rung.
  if (b.view().stall_count == 0 && b.is_alive()) EXPECT(b.rings() <= rings + 4);
  a.announce(9);
  EXPECT(eventually([&] { return b.view().peer_presence[64] == 9; }));
  EXPECT(eventually([&] { return b.rings() > rings; }));
}

TEST(a_closed_peer_is_process_gone_long_before_the_window_ends) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(a, b));
  const Instant closed = monotonic_now();
  a.close();
  REQUIRE(eventually([&] { return !b.is_verdict(Verdict::kNone); }));
  EXPECT(b.is_verdict(Verdict::kProcessGone));
  const Nanos took = Instant{static_cast<std::int64_t>(b.view().verdict_at)} - closed;
  EXPECT(took < Nanos::millis(200));
  std::cout << "  process-gone after " << took.count / 1000 << " us\n";
}

TEST(a_peer_that_was_heard_at_a_former_place_is_missed_at_this_one) {
  const Ports ports;
  PairConfig config = config_of(1, 0xb1, ports);
  config.known = 0xa1;
  Endpoint b(config);
  b.announce(1);
  // Nobody is there, and nobody was since these beats began.
  REQUIRE(eventually([&] { return b.is_verdict(Verdict::kProcessGone); }));
  EXPECT_EQ(b.view().peer_incarnation, 0xa1u);
  EXPECT_EQ(b.view().heard_at, 0u);
  Endpoint a(config_of(0, 0xa2, ports));
  REQUIRE(are_paired(a, b));
  EXPECT_EQ(b.view().gone_incarnation, 0xa1u);
}

TEST(a_peer_whose_kernel_accepts_but_who_says_nothing_is_unreachable_after_the_window) {
  const Ports ports;
  const UniqueFd data = mute_listener(next(ports.a));
  Endpoint a(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(a, b));
  a.close();
  const UniqueFd control = mute_listener(ports.a);
  REQUIRE(eventually([&] { return !b.is_verdict(Verdict::kNone); }));
  const BoardView view = b.view();
  EXPECT(b.is_verdict(Verdict::kUnreachable));
  EXPECT(view.verdict_at >= view.heard_at + 400'000'000);
}

TEST(an_unreachable_peer_that_is_heard_again_is_alive) {
  const Ports ports;
  const UniqueFd data = mute_listener(next(ports.a));
  auto a = std::make_unique<Endpoint>(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(*a, b));
  a->close();
  REQUIRE(eventually([&] { return b.is_verdict(Verdict::kUnreachable); }));
  // The same incarnation speaks again, with numbers above all before.
  a = std::make_unique<Endpoint>(config_of(0, 0xa1, ports));
  const std::uint64_t last = b.view().heard_at;
  for (int i = 0; i < 60; ++i) a->announce(static_cast<std::uint8_t>(i));
  EXPECT(eventually([&] { return b.view().heard_at > last && b.is_verdict(Verdict::kNone); }));
  EXPECT_EQ(b.view().gone_incarnation, 0u);
}

TEST(a_newborn_takes_the_place_of_the_one_before) {
  const Ports ports;
  auto a = std::make_unique<Endpoint>(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(*a, b));
  a->close();
  const Instant born = monotonic_now();
  a = std::make_unique<Endpoint>(config_of(0, 0xa2, ports));
  REQUIRE(are_paired(*a, b));
  std::cout << "  both alive " << (monotonic_now() - born).count / 1000 << " us after birth\n";
  EXPECT_EQ(b.view().peer_incarnation, 0xa2u);
  EXPECT_EQ(b.view().gone_incarnation, 0xa1u);
  EXPECT_EQ(a->view().peer_incarnation, 0xb1u);
  EXPECT_EQ(a->view().gone_incarnation, 0u);
}

TEST(another_key_is_counted_and_never_heard) {
  const Ports ports;
  PairConfig forged = config_of(0, 0xa1, ports);
  forged.keys = {SipKey{5, 6}, SipKey{7, 8}};
  Endpoint a(forged);
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(eventually([&] { return a.view().bad_mac > 3 && b.view().bad_mac > 3; }));
  EXPECT_EQ(b.view().suspicion, static_cast<std::uint32_t>(Level::kUnheard));
  EXPECT_EQ(b.view().peer_incarnation, 0u);
  EXPECT_EQ(b.view().links_up + a.view().links_up, 0u);
}

TEST(another_pair_and_garbage_are_counted_and_do_no_harm) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(a, b));
  const UniqueFd udp = std::move(open_udp(local(0))).value();
  const std::vector<std::uint8_t> sizes{0, 1, 16, 255};
  for (const std::uint8_t size : sizes) {
    send_to(udp, std::vector<std::uint8_t>(size, 0x55), local(ports.b));
  }
  send_to(udp, std::vector<std::uint8_t>(kPacketBytes, 0x55), local(ports.b));
  send_to(udp, std::vector<std::uint8_t>(1400, 0x55), local(ports.b));
  Beat stranger;
  stranger.pair = 99;
  stranger.incarnation = 1;
  stranger.seq = 1;
  PacketBytes packet;
  encode(stranger, {SipKey{9, 9}, SipKey{9, 9}}, packet);
  send_to(udp, packet, local(ports.b));
  EXPECT(eventually([&] { return b.view().malformed == 6 && b.view().other_pair == 1; }));
  // On a connection the first wrong packet is the last.
  ConnectResult stream = begin_connect(local(0), local(ports.b));
  REQUIRE(eventually([&] { return finish_connect(stream.fd) == Io::kDone; }));
  static_cast<void>(write_some(stream.fd, std::vector<std::uint8_t>(kPacketBytes, 0x55)));
  std::array<std::uint8_t, 8> reply;
  EXPECT(eventually([&] { return read_some(stream.fd, reply).status == Io::kEnded; }));
  EXPECT(b.is_alive() && b.view().links_up == 1);
}

TEST(strangers_that_only_connect_do_not_keep_the_peer_out) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(std::move(begin_connect(local(0), local(ports.a)).fd));
  }
  Endpoint b(config_of(1, 0xb1, ports));
  EXPECT(are_paired(a, b));
  // Those that never spoke are let go.
  std::array<std::uint8_t, 8> reply;
  for (const UniqueFd& each : idle) {
    EXPECT(eventually([&] { return read_some(each, reply).status != Io::kAgain; }));
  }
}

TEST(a_second_process_under_the_same_name_is_counted_and_refused) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(a, b));
  // The double has other ports of its own but speaks to the same member.
  Ports others;
  others.b = ports.b;
  Endpoint twin(config_of(0, 0xa2, others));
  EXPECT(eventually([&] { return b.view().same_member > 0; }));
  EXPECT_EQ(b.view().peer_incarnation, 0xa1u);
  EXPECT_EQ(b.view().gone_incarnation, 0u);
}

TEST(probing_a_living_peer_finds_it_alive) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(a, b));
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t own = b.view().own_seq;
    b.probe();
    EXPECT(eventually([&] { return b.view().answered_seq > own; }));
  }
  EXPECT(b.is_verdict(Verdict::kNone));
  EXPECT(eventually([&] { return b.is_alive(); }));
}

TEST(the_gate_stands_open_while_the_thread_beats) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  EXPECT(!a.gate().is_open(boot_now()));
  a.gate().open();
  const std::uint64_t begun = a.view().own_seq;
  REQUIRE(eventually([&] { return a.view().own_seq > begun + 40 || a.view().gate_lapses > 0; }));
  EXPECT(a.gate().is_open(boot_now()) || a.view().gate_lapses > 0);
  a.gate().shut();
  EXPECT(!a.gate().is_open(boot_now()));
}

TEST(a_thread_is_idle_between_beats) {
  const Ports ports;
  Endpoint a(config_of(0, 0xa1, ports));
  Endpoint b(config_of(1, 0xb1, ports));
  REQUIRE(are_paired(a, b));
  const std::uint64_t begun = a.view().own_seq;
  const Instant since = monotonic_now();
  timespec before{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  REQUIRE(eventually([&] { return a.view().own_seq >= begun + 25; }));
  timespec after{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const double cpu = static_cast<double>(after.tv_sec - before.tv_sec) +
                     static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e9;
  const double wall = static_cast<double>((monotonic_now() - since).count) / 1e9;
  std::cout << "  " << cpu / wall * 100 << " % of a processor, this test's own waiting included\n";
  // A deadline that is due and never acted on would spin: one whole processor.
  EXPECT(cpu < wall / 2);
}

TEST_MAIN()
