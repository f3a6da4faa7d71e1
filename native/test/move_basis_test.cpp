// What a load may leave out, and what neither end accepts: bases, refusals, and a hostile other
// side.
#include <cstring>

#include "base/little_endian.hpp"
#include "load_world.hpp"
#include "snapshot/move_layout.hpp"

namespace {

using namespace hotpair::snapshot;
using namespace hotpair::test;

constexpr std::size_t kPages = 300;

// Runs a load to its end; whether both sides say that it has come.
bool load(LoadWorld& world, const MoverOptions& sends, const ArrivalOptions& receives,
          std::uint64_t& pages) {
  Ends ends = connected();
  const auto mover = world.move(std::move(ends[0]), sends);
  const auto arrival = world.arrive(std::move(ends[1]), receives);
  static_cast<void>(world.finish(*mover));
  const bool is_moved = world.wait_for(*mover);
  const bool is_arrived = world.wait_for(*arrival);
  pages = mover->progress().pages.load();
  if (is_moved) EXPECT_EQ(mover->digest(), arrival->digest());
  EXPECT_EQ(is_moved, is_arrived);
  return is_moved;
}

void change(const MemoryFile& file, PageRange pages) {
  for (std::size_t page = pages.first; page < pages.first + pages.count; ++page) {
    file.bytes()[page * kPageBytes + page] ^= 1;
  }
}

// Makes the region in use of the receiver equal to that of the sender.
void pair_up(LoadWorld& world, std::mt19937_64& random) {
  world.fill(random);
  std::ranges::copy(world.source.bytes(), world.live.bytes().begin());
}

// The failure of a mover whose receiver says this, or of one that gets these bytes.
hotpair::Error refused(LoadWorld& world, const MoverOptions& options, const Bytes& said) {
  Ends ends = connected();
  const auto mover = world.move(std::move(ends[0]), options);
  EXPECT(::send(ends[1].get(), said.data(), said.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(said.size()));
  ::shutdown(ends[1].get(), SHUT_WR);
  EXPECT(!world.wait_for(*mover));
  return mover->failure();
}

Bytes packet(Packet header, const Bytes& body, const Bytes& summed) {
  Bytes bytes(kMoveHeaderBytes);
  seal_packet(std::span(bytes).first<kMoveHeaderBytes>(), header, summed);
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

Bytes want(const Want& head, const Bytes& rest) {
  Bytes body(kWantBytes);
  write_want(std::span(body).first<kWantBytes>(), head);
  body.insert(body.end(), rest.begin(), rest.end());
  return packet({PacketKind::kWant, 0, static_cast<std::uint32_t>(body.size())}, body, body);
}

bool says(const hotpair::Error& error, const char* what) {
  return std::strstr(error.action, what) != nullptr;
}

}  // namespace

TEST(a_restarted_receiver_gets_what_differs_from_its_region_and_puts_it_in_place) {
  std::mt19937_64 random(seed());
  for (const bool is_shadow : {false, true}) {
    LoadWorld world(kPages, is_shadow);
    pair_up(world, random);
    change(world.source, {10, 3});
    change(world.live, {200, 2});
    std::fill_n(&world.source.bytes()[50 * kPageBytes], kPageBytes, 0);
    ArrivalOptions options;
    options.basis = Basis::kDigests;
    options.live = world.live.bytes();
    std::uint64_t pages = 0;
    REQUIRE(load(world, {}, options, pages));
    EXPECT_EQ(pages, 6u);
    EXPECT_EQ(world.staging.held.size(), 6u);
    EXPECT(!LoadWorld::same(world.source, world.live));
    apply_staging(world.staging, world.live.bytes());
    EXPECT(LoadWorld::same(world.source, world.live));
    EXPECT(world.staging.held.is_empty());
  }
}

TEST(a_broken_reload_leaves_the_region_as_it_was_and_goes_on_from_there) {
  std::mt19937_64 random(seed());
  LoadWorld world(kPages);
  pair_up(world, random);
  change(world.source, {0, 200});
  const Bytes before(world.live.bytes().begin(), world.live.bytes().end());
  ArrivalOptions options;
  options.basis = Basis::kDigests;
  options.live = world.live.bytes();
  {
    Wire wire(
        [](std::span<std::uint8_t> bytes, std::size_t at) {
          const std::size_t cut = 130 * kPageBytes;
          return at + bytes.size() <= cut ? bytes.size() : cut - at;
        },
        &Wire::pass);
    const auto mover = world.move(std::move(wire.sender));
    const auto arrival = world.arrive(std::move(wire.receiver), options);
    EXPECT(!world.wait_for(*arrival) && !world.wait_for(*mover));
  }
  EXPECT(std::ranges::equal(before, world.live.bytes()));
  const std::size_t kept = world.staging.held.size();
  EXPECT(kept > 0);
  change(world.source, {0, 1});
  std::uint64_t pages = 0;
  REQUIRE(load(world, {}, options, pages));
  EXPECT_EQ(pages, 200 - kept + 1);
  apply_staging(world.staging, world.live.bytes());
  EXPECT(LoadWorld::same(world.source, world.live));
}

TEST(a_receiver_that_was_cut_off_gets_what_either_has_changed_since_the_mark) {
  std::mt19937_64 random(seed());
  for (const bool is_shadow : {false, true}) {
    LoadWorld world(kPages, is_shadow);
    pair_up(world, random);
    REQUIRE(world.tracker->arm().ok());
    change(world.source, {20, 5});
    std::vector<PageMark> here;
    here.push_back({78, PageSet(kPages)});
    here.push_back({77, PageSet(kPages)});
    REQUIRE(world.tracker->take(here[1].changed).ok());
    // After the question and before the load: the tracker knows.
    change(world.source, {100, 1});
    change(world.live, {23, 10});
    PageMark there{77, PageSet(kPages)};
    there.changed.add({23, 10});
    MoverOptions sends;
    sends.is_armed = true;
    sends.marks = here;
    ArrivalOptions receives;
    receives.basis = Basis::kChanged;
    receives.live = world.live.bytes();
    receives.mark = &there;
    std::uint64_t pages = 0;
    REQUIRE(load(world, sends, receives, pages));
    EXPECT_EQ(pages, 13u + 1u);
    apply_staging(world.staging, world.live.bytes());
    EXPECT(LoadWorld::same(world.source, world.live));

    // A mark that is not known is no basis, and one that is not true does not stay hidden.
    there.number = 79;
    EXPECT(!load(world, sends, receives, pages));
    there.number = 78;
    change(world.live, {250, 1});
    EXPECT(!load(world, sends, receives, pages));
    sends = {};
    EXPECT(!load(world, sends, receives, pages));
  }
}

TEST(a_new_load_forgets_what_the_staging_held_for_another) {
  std::mt19937_64 random(seed());
  LoadWorld world(kPages);
  world.fill(random);
  world.staging.held.add({0, kPages});
  std::uint64_t pages = 0;
  REQUIRE(load(world, {}, {}, pages));
  EXPECT_EQ(pages, kPages);
  EXPECT(LoadWorld::same(world.source, world.staged));
}

TEST(a_receiver_of_something_else_is_refused_by_name) {
  LoadWorld world(kPages);
  const Want right{kPages * kPageBytes, 5, test_hash().zero_digest(), 0, Basis::kNothing};
  MoverOptions options;
  options.load = 5;
  Want wrong = right;
  wrong.region_bytes += kPageBytes;
  EXPECT(says(refused(world, options, want(wrong, {})), "another size"));
  wrong = right;
  wrong.load = 6;
  EXPECT(says(refused(world, options, want(wrong, {})), "another load"));
  wrong = right;
  wrong.key_check ^= 1;
  EXPECT(says(refused(world, options, want(wrong, {})), "another key"));
  wrong = right;
  wrong.basis = Basis::kChanged;
  EXPECT(says(refused(world, options, want(wrong, Bytes(40))), "is not known"));
  // The right one only ends here.
  EXPECT(refused(world, options, want(right, {})).code == hotpair::ErrorCode::kClosed);
}

TEST(a_hostile_receiver_is_refused_and_no_memory_is_asked_for_it) {
  std::mt19937_64 random(seed());
  LoadWorld world(kPages);
  const Want digests{kPages * kPageBytes, 0, test_hash().zero_digest(), 0, Basis::kDigests};
  const std::size_t bits = PageSet(kPages).byte_count();
  EXPECT(says(refused(world, {}, want(digests, {})), "does not add up"));
  EXPECT(says(refused(world, {}, want(digests, Bytes(bits, 0xff))), "does not add up"));
  EXPECT(says(refused(world, {}, want(digests, Bytes(bits + 8, 0))), "does not add up"));
  Want nothing = digests;
  nothing.basis = Basis::kNothing;
  EXPECT(says(refused(world, {}, want(nothing, Bytes(8))), "longer"));
  Bytes body(kWantBytes, 0xee);
  EXPECT(says(refused(world, {}, packet({PacketKind::kWant, 0, kWantBytes}, body, body)),
              "another version"));
  EXPECT(says(refused(world, {}, packet({PacketKind::kWant, 0, kWantBytes}, body, {})), "sum"));
  for (const std::uint32_t length : {0u, 47u, 1'000'000u, 0xffff'ffffu}) {
    EXPECT(says(refused(world, {}, packet({PacketKind::kWant, 0, length}, {}, {})), "no such"));
  }
  EXPECT(
      says(refused(world, {}, packet({PacketKind::kBytes, 0, kWantBytes}, body, body)), "no such"));
  for (int run = 0; run < 100; ++run) {
    Bytes noise(1 + random() % 200);
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random());
    static_cast<void>(refused(world, {}, noise));
  }
}

TEST(a_hostile_sender_is_refused_and_writes_nothing_outside) {
  std::mt19937_64 random(seed());
  // The staging lies between pages that nobody may touch.
  const MemoryFile memory((kPages + 2) * kPageBytes);
  std::ranges::fill(memory.bytes(), 0xaa);
  const auto inside = memory.bytes().subspan(kPageBytes, kPages * kPageBytes);
  const auto is_untouched = [&](std::size_t page) {
    const auto bytes = memory.bytes().subspan(page * kPageBytes, kPageBytes);
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0xaa; });
  };
  const auto send = [&](const Bytes& said, const char* answer) {
    Staging staging(inside);
    CountingBell bell;
    Ends ends = connected();
    auto started = Arrival::start(staging, test_hash(), std::move(ends[1]), {}, bell.bell());
    REQUIRE(started.ok());
    const Arrival& arrival = *started.value();
    EXPECT(::send(ends[0].get(), said.data(), said.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(said.size()));
    ::shutdown(ends[0].get(), SHUT_WR);
    bell.wait_until([&] { return arrival.phase() != ArrivalPhase::kReceiving; });
    EXPECT(arrival.phase() == ArrivalPhase::kFailed && says(arrival.failure(), answer));
    EXPECT(is_untouched(0) && is_untouched(kPages + 1) && staging.held.is_empty());
  };
  constexpr auto kBytes = PacketKind::kBytes;
  constexpr auto kZeros = PacketKind::kZeros;
  constexpr auto kPage = static_cast<std::uint32_t>(kPageBytes);
  constexpr std::uint64_t kEndOfRegion = kPages * kPageBytes;
  for (const PacketKind kind : {kBytes, kZeros}) {
    for (const Packet& each :
         {Packet{kind, kEndOfRegion, kPage}, Packet{kind, kEndOfRegion - kPage, 2 * kPage},
          Packet{kind, ~std::uint64_t{0} - kPage + 1, kPage}, Packet{kind, 1, kPage},
          Packet{kind, 0, kPage - 1}, Packet{kind, 0, 0}, Packet{kind, 0, 65 * kPage},
          Packet{kind, 0, 0xffff'f000}, Packet{kind, std::uint64_t{1} << 63, kPage}}) {
      send(packet(each, {}, {}), "outside of the region");
    }
  }
  send(packet({kBytes, 0, kPage}, Bytes(kPageBytes, 1), Bytes(8)), "check sum");
  send(packet({kZeros, 0, kPage}, {}, Bytes(8)), "check sum");
  send(packet({kBytes, 0, kPage}, Bytes(10), {}), "has ended");
  send(packet({PacketKind::kDone, 0, kDoneBytes}, Bytes(8), Bytes(8)), "as a receiver");
  send(packet({PacketKind::kEnd, 0, 8}, Bytes(8), Bytes(8)), "no such packet");
  send(packet({PacketKind::kEnd, 0, kEndBytes}, Bytes(16), Bytes(16)), "pages are missing");
  send(packet({PacketKind::kEnd, 0, kEndBytes}, Bytes(16), {}), "check sum");
  for (int run = 0; run < 100; ++run) {
    Bytes noise(kMoveHeaderBytes + random() % 200);
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random());
    send(noise, "no packet");
  }
}

TEST(a_page_that_was_held_and_is_broken_off_is_not_held_any_more) {
  const MemoryFile memory(kPages * kPageBytes);
  Staging staging(memory.bytes());
  staging.held.add_all();
  CountingBell bell;
  Ends ends = connected();
  ArrivalOptions options;
  options.basis = Basis::kDigests;
  auto started = Arrival::start(staging, test_hash(), std::move(ends[1]), options, bell.bell());
  REQUIRE(started.ok());
  const Bytes said =
      packet({PacketKind::kBytes, 5 * kPageBytes, 2 * kPageBytes}, Bytes(kPageBytes + 1, 3), {});
  REQUIRE(::send(ends[0].get(), said.data(), said.size(), MSG_NOSIGNAL) > 0);
  ::shutdown(ends[0].get(), SHUT_WR);
  bell.wait_until([&] { return started.value()->phase() == ArrivalPhase::kFailed; });
  EXPECT((staging.held.next(0, kPages) == PageRange{0, 5}));
  EXPECT((staging.held.next(5, kPages) == PageRange{7, kPages - 7}));
}

TEST(a_sender_that_lies_about_the_whole_is_found_by_the_digest) {
  const MemoryFile memory(kPageBytes);
  Staging staging(memory.bytes());
  CountingBell bell;
  Ends ends = connected();
  auto started = Arrival::start(staging, test_hash(), std::move(ends[1]), {}, bell.bell());
  REQUIRE(started.ok());
  Bytes body(kEndBytes);
  hotpair::store_little<std::uint64_t>(&body[0], 12345);
  hotpair::store_little<std::uint64_t>(&body[8], 1);
  Bytes said = packet({PacketKind::kZeros, 0, kPageBytes}, {}, {});
  const Bytes end = packet({PacketKind::kEnd, 0, kEndBytes}, body, body);
  said.insert(said.end(), end.begin(), end.end());
  REQUIRE(::send(ends[0].get(), said.data(), said.size(), MSG_NOSIGNAL) > 0);
  bell.wait_until([&] { return started.value()->phase() != ArrivalPhase::kReceiving; });
  EXPECT(started.value()->phase() == ArrivalPhase::kFailed);
  EXPECT(says(started.value()->failure(), "digest"));
}

TEST_MAIN()
