// Fuzzes what the sender of a load reads: the wish of its receiver, in each of its forms, and the
// confirmation. It ends, done only if the right digest was confirmed, and never writes the region.
#include <algorithm>
#include <memory>
#include <optional>

#include "load_fuzz.hpp"
#include "snapshot/mover.hpp"

namespace hotpair::fuzz {
namespace {

constexpr std::uint64_t kLoad = 7;
constexpr std::uint64_t kMark = 3;

// The bits of some pages, with a digest of each where those are wanted.
Bytes holdings(Input& input, Basis basis, std::span<const std::uint8_t> source) {
  PageSet pages(kPages);
  const std::uint8_t bits = input.byte();
  for (std::size_t i = 0; i < kPages; ++i) {
    if ((bits >> i & 1) != 0) pages.add({i, 1});
  }
  if (basis == Basis::kNothing) return {};
  Bytes made(pages.byte_count());
  pages.write_to(made);
  for (std::size_t i = 0; i < kPages && basis == Basis::kDigests; ++i) {
    if (!pages.contains(i)) continue;
    made.resize(made.size() + 8);
    const auto page = source.subspan(i * kPageBytes).first<kPageBytes>();
    store_little(&made[made.size() - 8], input.flag() ? hash().digest(page) : input.near(0));
  }
  return made;
}

// False: it is announced longer than it is.
bool say_want(Input& input, Line& line, std::span<const std::uint8_t> source) {
  Want want{kRegionBytes, kLoad, hash().zero_digest(), kMark, static_cast<Basis>(input.below(4))};
  const std::uint8_t choice = input.byte();
  if (choice == 1) want.region_bytes = input.near(kRegionBytes);
  if (choice == 2) want.load = input.near(kLoad);
  if (choice == 3) want.mark = input.near(kMark);
  if (choice == 4) want.key_check ^= 1;
  Bytes body(kWantBytes);
  write_want(std::span(body).first<kWantBytes>(), want);
  const Bytes rest = holdings(input, want.basis, source);
  body.insert(body.end(), rest.begin(), rest.end());
  if (choice == 5) damage(input, body);
  if (choice == 6) body.resize(input.below(body.size() + 9));
  Packet packet{PacketKind::kWant, 0, static_cast<std::uint32_t>(body.size())};
  if (choice == 7) packet.length = input.number<std::uint32_t>();
  if (choice == 8) packet.kind = static_cast<PacketKind>(input.below(8));
  line.say(packet, body, body);
  return packet.length <= body.size();
}

// False: with a wrong digest, or as no such packet at all.
bool say_done(Input& input, Line& line, std::uint64_t digest) {
  const std::uint8_t choice = input.byte();
  if (choice == 1) {
    line.say(input.bytes(input.below(64)));
    return false;
  }
  Bytes body(kDoneBytes);
  store_little(body.data(), choice == 2 ? digest ^ 1 : digest);
  Packet packet{PacketKind::kDone, 0, kDoneBytes};
  if (choice == 3) packet.length = input.byte();
  line.say(packet, body, body);
  return choice != 2 && packet.length == kDoneBytes;
}

void run(Input input) {
  MappedRegion source = region();
  for (std::size_t i = 0; i < kPages; ++i) source.data()[i * kPageBytes] = input.byte();
  const Bytes before(source.bytes().begin(), source.bytes().end());
  auto tracker = open_shadow_tracker(source.bytes());
  CHECK(tracker.ok() && tracker.value()->arm().ok());
  PageDigests digests(hash(), kPages);
  PageSet all(kPages);
  all.add_all();
  digests.update(source.bytes(), all);
  PageMark mark{kMark, PageSet(kPages)};
  mark.changed.add({input.below(kPages), 1});
  MoverOptions options;
  options.load = kLoad;
  options.is_armed = true;
  options.marks = std::span(&mark, 1);
  options.most_held_pages = 2 * kPages;

  Line line;
  const bool greets = input.byte() != 1 && say_want(input, line, source.bytes());
  if (!greets) line.say(input.bytes(input.below(256)));
  Waiter waiter;
  auto mover = Mover::start(*tracker.value(), hash(), line.take(), options, waiter.bell());
  CHECK(mover.ok());
  // Whoever speaks before the end is out of turn.
  const bool waits_its_turn = input.byte() != 1;
  bool is_confirmed = false;
  if (!waits_its_turn) static_cast<void>(say_done(input, line, digests.whole()));
  if (!waits_its_turn || !greets) line.end();
  for (;;) {
    const std::uint32_t rings = waiter.rings();
    const MoverPhase phase = mover.value()->phase();
    if (phase >= MoverPhase::kDone) break;
    if (phase == MoverPhase::kNearly && mover.value()->finish() == FinishStatus::kTaken) {
      is_confirmed = waits_its_turn && say_done(input, line, digests.whole());
      line.end();
    }
    if (mover.value()->phase() < MoverPhase::kDone) waiter.wait_beyond(rings);
  }
  CHECK(mover.value()->phase() != MoverPhase::kDone || is_confirmed || !waits_its_turn);
  mover.value().reset();
  CHECK(std::ranges::equal(source.bytes(), before));
}

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::run({data, size});
  return 0;
}
