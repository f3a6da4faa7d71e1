// The unit and its server over a real socket and real shared memory, in one process: beats go out
// for the server, its death is told with what it had sent, strangers are refused, and a server that
// writes rubbish into the words harms nobody but itself.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <random>

#include "beat_endpoint.hpp"
#include "harness.hpp"
#include "heartbeat/presence_layout.hpp"
#include "local_folder.hpp"
#include "unit/unit_client.hpp"
#include "unit/unit_host.hpp"
#include "unit/unit_messages.hpp"

using namespace hotpair;
using namespace hotpair::test;
using namespace hotpair::unit;

namespace {

namespace hb = hotpair::heartbeat;
constexpr std::uint64_t kReign = 1001;
constexpr hb::Bell kSilent{[](void*) noexcept {}, nullptr};

std::uint64_t bits(double number) { return std::bit_cast<std::uint64_t>(number); }

// Member b at a unit; member a is an endpoint in this process.
struct Stage {
  Stage() : a(hb::PairConfig(config_of(0, 0xa1, ports))) {
    auto started = UnitHost::start(path.c_str(), ServiceManager{}, kSilent);
    CHECK(started.ok());
    host = std::move(started).value();
  }

  Result<std::unique_ptr<UnitClient>> join(std::uint64_t incarnation = 0xb1) {
    hb::PairConfig config = config_of(1, incarnation, ports);
    config.event_loop = loop.watch();
    return UnitClient::join(path.c_str(), config, monotonic_now() + Nanos::millis(5'000), kSilent);
  }

  void announce(UnitClient& client) {
    hb::Presence said{};
    store_little<std::uint64_t>(said.data() + hb::presence::kEpoch, kReign);
    client.words().announced.write(said);
    client.post(hb::command::kAnnounce);
  }

  bool is_heard() {
    return eventually([&] { return a.is_alive() && a.view().links_up == 1; });
  }

  Ports ports;
  LocalFolder folder;
  std::string path = folder.file("unit.sock");
  HandLoop loop;
  Endpoint a;
  std::unique_ptr<UnitHost> host;
};

}  // namespace

TEST(a_pair_survives_its_way_through_a_message) {
  Ports ports;
  hb::PairConfig config = config_of(1, 0xb1, ports);
  config.first_seq = 12'345;
  config.kills_hung = true;
  config.known = 0xa1;
  const auto bytes = encode_open(config);
  const auto decoded = decode_open(bytes);
  REQUIRE(decoded);
  EXPECT(encode_open(*decoded) == bytes);
  EXPECT_EQ(decoded->first_seq, 12'345u);
  EXPECT_EQ(decoded->known, 0xa1u);
  EXPECT(decoded->dials);
  EXPECT(decoded->kills_hung);
  std::mt19937_64 random(seed());
  for (int i = 0; i < 50'000; ++i) {
    auto damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
    const auto read = decode_open(damaged);
    if (read) EXPECT(read->timing.is_sound() && read->incarnation != 0 && read->links.size() == 1);
  }
}

TEST(the_unit_beats_for_its_server_and_tells_of_its_death) {
  Stage stage;
  auto joined = stage.join();
  REQUIRE(joined.ok());
  std::unique_ptr<UnitClient> server = std::move(joined).value();
  stage.announce(*server);
  EXPECT(stage.is_heard());
  EXPECT_EQ(stage.a.view().peer_incarnation, 0xb1u);

  hb::SentMarks& sent = server->words().sent;
  sent.lane[0].begun = bits(9);
  sent.lane[0].sent = bits(7);
  sent.lanes = bits(1);
  sent.epoch = bits(static_cast<double>(kReign));
  server->leave(false);
  EXPECT(eventually([&] { return stage.a.is_verdict(hb::Verdict::kProcessGone); }));
  const hb::BoardView view = stage.a.view();
  EXPECT_EQ(hb::presence::word(view.peer_presence, hb::presence::kRenounced), kReign);
  hb::PeerMarks marks{};
  REQUIRE(stage.a.words().peer_marks.try_read(marks));
  EXPECT_EQ(marks.incarnation, 0xb1u);
  EXPECT_EQ(marks.epoch, kReign);
  EXPECT_EQ(marks.lanes, 1u);
  EXPECT_EQ(marks.lane[0].begun, 9u);
  EXPECT_EQ(marks.lane[0].sent, 7u);

  // The next one is heard in the place of the dead.
  auto next = stage.join(0xb2);
  REQUIRE(next.ok());
  stage.announce(*next.value());
  EXPECT(eventually([&] { return stage.a.view().peer_incarnation == 0xb2; }));
  EXPECT(stage.is_heard());
  EXPECT_EQ(stage.host->report().died, 1u);
}

TEST(a_server_that_ends_in_order_is_not_called_dead) {
  Stage stage;
  auto joined = stage.join();
  REQUIRE(joined.ok());
  stage.announce(*joined.value());
  EXPECT(stage.is_heard());
  joined.value()->leave(true);
  EXPECT(eventually([&] { return stage.host->report().phase == UnitReport::kWaiting; }));
  EXPECT_EQ(stage.host->report().died, 0u);
}

TEST(a_second_server_is_refused_and_the_first_goes_on) {
  Stage stage;
  auto first = stage.join();
  REQUIRE(first.ok());
  stage.announce(*first.value());
  EXPECT(stage.is_heard());
  const auto second = stage.join(0xb2);
  EXPECT(!second.ok());
  if (!second.ok()) EXPECT(second.error().code == ErrorCode::kAddressInUse);
  EXPECT(stage.is_heard());
  EXPECT(!first.value()->is_lost());
}

TEST(a_server_of_another_pair_does_not_take_the_place_of_the_dead) {
  Stage stage;
  auto first = stage.join();
  REQUIRE(first.ok());
  stage.announce(*first.value());
  EXPECT(stage.is_heard());
  first.value()->leave(false);
  EXPECT(eventually([&] { return stage.host->report().phase == UnitReport::kGone; }));
  hb::PairConfig other = config_of(1, 0xc1, stage.ports);
  other.pair += 1;
  other.event_loop = stage.loop.watch();
  const auto joined =
      UnitClient::join(stage.path.c_str(), other, monotonic_now() + Nanos::millis(5'000), kSilent);
  EXPECT(!joined.ok());
  EXPECT(stage.host->report().phase == UnitReport::kGone);
  EXPECT(stage.join(0xb2).ok());
}

// A server by hand, as far as its death or its parting goes.
struct HandServer {
  explicit HandServer(Stage& stage)
      : channel(std::move(ipc::LocalChannel::connect(stage.path.c_str(),
                                                     monotonic_now() + Nanos::millis(5'000),
                                                     ipc::LocalChannel::kLeastOutgoingBytes))
                    .value()),
        bell(std::move(RemoteBell::open()).value()) {
    const hb::PairConfig config = config_of(1, 0xb1, stage.ports);
    ipc::Hello hello;
    hello.member = config.self;
    hello.pid = static_cast<std::uint32_t>(::getpid());
    hello.incarnation = config.incarnation;
    hello.pair_digest = config.pair;
    const std::array<int, 1> ringer{bell.ringer.get()};
    static_cast<void>(channel.send(message::kHello, ipc::encode_hello(hello)));
    static_cast<void>(channel.send(message::kOpen, encode_open(config), ringer));
    ipc::Message answer;
    CHECK(eventually([&] { return channel.receive(answer) == ipc::Received::kMessage; }));
    CHECK(answer.type == message::kOpened && answer.descriptor_count == 2);
    region = std::move(SharedRegion::adopt(std::move(answer.descriptors[0]), kUnitRegion,
                                           sizeof(UnitWords)))
                 .value();
    waker = std::move(answer.descriptors[1]);
  }

  UnitWords& words() { return *region.at<UnitWords>(0); }
  void announce() {
    hb::Presence said{};
    store_little<std::uint64_t>(said.data() + hb::presence::kEpoch, kReign);
    words().pair.announced.write(said);
    words().pair.commands.fetch_or(hb::command::kAnnounce);
    ring(waker);
  }
  void vow() {
    made = std::move(vigil::Vow::make(words().vow)).value();
    static_cast<void>(channel.send(message::kVowed, {}));
  }
  void speak_rubbish() {
    std::array<std::uint8_t, 64> bytes;
    bytes.fill(0xff);
    CHECK(::write(channel.fd(), bytes.data(), bytes.size()) == 64);
  }

  ipc::LocalChannel channel;
  RemoteBell bell;
  SharedRegion region;
  UniqueFd waker;
  std::unique_ptr<vigil::Vow> made;
};

// Ends what this process says to whoever listens at `path`.
void break_connections_to(const std::string& path) {
  for (int fd = 0; fd < 256; ++fd) {
    sockaddr_un peer{};
    socklen_t bytes = sizeof(peer);
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &bytes) != 0) continue;
    if (peer.sun_family == AF_UNIX && path == peer.sun_path) CHECK(::shutdown(fd, SHUT_WR) == 0);
  }
}

// With a vow it is known to live by that, without one by its descriptor alone.
TEST(a_live_server_whose_connection_breaks_has_its_ports_back_and_is_not_called_dead) {
  for (const bool has_vow : {true, false}) {
    Stage stage;
    HandServer server(stage);
    server.announce();
    EXPECT(stage.is_heard());
    if (has_vow) server.vow();
    // Without one the unit has not been told to watch, and has no descriptor either.
    if (!has_vow) static_cast<void>(server.channel.send(message::kVowed, {}));
    server.speak_rubbish();
    EXPECT(eventually([&] { return stage.host->report().parted == 1; }));
    EXPECT(eventually([&] { return stage.host->report().phase == UnitReport::kWaiting; }));
    EXPECT_EQ(stage.host->report().died, 0u);
    // Nobody has given its reign up for it.
    EXPECT_EQ(hb::presence::word(stage.a.view().peer_presence, hb::presence::kRenounced), 0u);
    hb::PairConfig config = config_of(1, 0xb1, stage.ports);
    config.event_loop = stage.loop.watch();
    hb::PairWords own(boot_now());
    EXPECT(hb::BeatPair::open(config, own, monotonic_now()).ok());
    // It may come back, and so may its next incarnation.
    EXPECT(stage.join(0xb1).ok());
  }
}

TEST(a_server_that_breaks_its_vow_is_dead_whatever_its_connection_says) {
  Stage stage;
  HandServer server(stage);
  server.announce();
  EXPECT(stage.is_heard());
  server.vow();
  server.made.reset();
  EXPECT(eventually([&] { return stage.host->report().died == 1; }));
  EXPECT_EQ(stage.host->report().parted, 0u);
}

TEST(a_server_that_lost_its_unit_is_not_called_dead_when_it_leaves_it) {
  Stage stage;
  auto joined = stage.join();
  REQUIRE(joined.ok());
  UnitClient& server = *joined.value();
  stage.announce(server);
  EXPECT(stage.is_heard());
  // The end of the connection, as both sides see it, in whatever order.
  break_connections_to(stage.path);
  EXPECT(eventually([&] { return server.is_lost(); }));
  server.leave(false);
  EXPECT(eventually([&] { return stage.host->report().phase == UnitReport::kWaiting; }));
  EXPECT_EQ(stage.host->report().died, 0u);
  EXPECT_EQ(stage.host->report().parted, 1u);
}

TEST(what_became_of_the_former_server_survives_its_way_through_a_message) {
  for (const Former former : {Former::kNone, Former::kKilled}) {
    EXPECT(decode_opened(encode_opened(former)) == former);
  }
  EXPECT(!decode_opened({}));
  EXPECT(!decode_opened(std::array<std::uint8_t, 4>{2, 0, 0, 0}));
}

TEST(a_stranger_is_refused) {
  Stage stage;
  std::mt19937_64 random(seed());
  for (int i = 0; i < 20; ++i) {
    auto channel =
        ipc::LocalChannel::connect(stage.path.c_str(), monotonic_now() + Nanos::millis(5'000),
                                   ipc::LocalChannel::kLeastOutgoingBytes);
    REQUIRE(channel.ok());
    std::array<std::uint8_t, 64> bytes;
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    static_cast<void>(channel.value().send(static_cast<std::uint16_t>(random() % 8), bytes));
    channel.value().close();
  }
  auto joined = stage.join();
  EXPECT(joined.ok());
}

TEST(a_unit_that_ends_is_missed) {
  Stage stage;
  auto joined = stage.join();
  REQUIRE(joined.ok());
  stage.host->stop();
  EXPECT(eventually([&] { return joined.value()->is_lost(); }));
  EXPECT(!stage.folder.has("unit.sock"));
}

// Every word of the region but the vow, which has a test of its own, while all are at work.
TEST(a_server_that_writes_rubbish_harms_only_itself) {
  Stage stage;
  auto joined = stage.join();
  REQUIRE(joined.ok());
  stage.announce(*joined.value());
  EXPECT(stage.is_heard());
  auto* const words = reinterpret_cast<std::uint64_t*>(&joined.value()->words());
  constexpr std::size_t kWords = sizeof(hb::PairWords) / 8;
  std::mt19937_64 random(seed());
  for (int i = 0; i < 20'000; ++i) {
    std::atomic_ref<std::uint64_t>(words[random() % kWords])
        .store(random() >> (random() % 64), std::memory_order_relaxed);
    if (i % 100 == 0) joined.value()->post(random() % 64);
  }
  joined.value()->leave(false);
  EXPECT(eventually([&] { return stage.host->report().phase == UnitReport::kGone; }));
  // The unit takes the next one in as if nothing had been.
  auto next = stage.join(0xb2);
  REQUIRE(next.ok());
  stage.announce(*next.value());
  EXPECT(eventually([&] { return stage.a.view().peer_incarnation == 0xb2; }));
}

TEST_MAIN()
