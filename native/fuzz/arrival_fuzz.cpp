// Fuzzes what the receiver of a load reads: pages, zeros, ends, in any order, with sums that are
// right or not. A page that it holds is what came; it is complete only if all of that is there; and
// the region in use is never touched.
#include <algorithm>
#include <memory>
#include <optional>

#include "load_fuzz.hpp"
#include "snapshot/arrival.hpp"

namespace hotpair::fuzz {
namespace {

// What has come so far, as the one who sends it knows.
struct Sent {
  MappedRegion pages = region();
  PageDigests digests{hash(), kPages};
  bool is_broken = false;
};

void say_pages(Input& input, Line& line, Sent& sent) {
  const bool is_zero = input.flag();
  const std::size_t first = input.below(kPages + 1);
  const std::size_t count = input.below(kPages + 1);
  Packet packet{is_zero ? PacketKind::kZeros : PacketKind::kBytes, first * kPageBytes,
                static_cast<std::uint32_t>(count * kPageBytes), input.byte()};
  if (input.byte() == 1) packet.offset = input.near(packet.offset);
  if (input.byte() == 1) packet.length = input.number<std::uint32_t>();
  const bool is_right = count > 0 && first + count <= kPages &&
                        packet.offset == first * kPageBytes && packet.length == count * kPageBytes;
  Bytes body(is_zero ? 0 : count * kPageBytes, input.byte());
  Bytes summed;
  for (std::size_t i = 0; i < (is_zero ? 0 : count); ++i) {
    body[i * kPageBytes + 5] = input.byte();
    summed.resize(summed.size() + 8);
    const auto page = std::span<const std::uint8_t>(body).subspan(i * kPageBytes);
    store_little(&summed[8 * i], hash().digest(page.first<kPageBytes>()));
  }
  const bool has_sum = input.byte() != 1;
  if (!has_sum) summed.push_back(1);
  line.say(packet, body, summed);
  sent.is_broken = sent.is_broken || !is_right || !has_sum;
  if (sent.is_broken) return;
  for (std::size_t i = 0; i < count; ++i) {
    const auto page = sent.pages.bytes().subspan((first + i) * kPageBytes, kPageBytes);
    if (is_zero) {
      std::ranges::fill(page, std::uint8_t{0});
    } else {
      std::copy_n(body.begin() + static_cast<std::ptrdiff_t>(i * kPageBytes), kPageBytes,
                  page.begin());
    }
    const std::span<const std::uint8_t> made = page;
    sent.digests.set(first + i, hash().digest(made.first<kPageBytes>()));
  }
}

void say_end(Input& input, Line& line, const Sent& sent) {
  Bytes body(kEndBytes);
  store_little(body.data(), input.byte() == 1 ? input.near(0) : sent.digests.whole());
  store_little(body.data() + 8, input.byte() == 1 ? input.near(kPages) : kPages);
  const auto length = static_cast<std::uint32_t>(input.byte() == 1 ? input.byte() : kEndBytes);
  line.say({PacketKind::kEnd, 0, length}, body, body);
}

void say_anything(Input& input, Line& line) {
  Bytes header = input.bytes(kMoveHeaderBytes);
  const Packet packet{static_cast<PacketKind>(input.below(8)), input.near(0), input.byte()};
  if (input.flag()) seal_packet(std::span(header).first<kMoveHeaderBytes>(), packet, {});
  line.say(header);
}

void say_all(Input& input, Line& line, Sent& sent) {
  for (int i = 0; i < 8 && !input.is_empty(); ++i) {
    const std::uint8_t choice = input.byte();
    if (choice == 255) {
      say_anything(input, line);
      sent.is_broken = true;
    } else if (choice % 4 == 3) {
      say_end(input, line, sent);
      // What comes behind an end is read by nobody.
      return;
    } else {
      say_pages(input, line, sent);
    }
  }
}

void run(Input input) {
  MappedRegion staged = region();
  MappedRegion live = region();
  live.data()[1] = 1;
  Staging staging(staged.bytes());
  ArrivalOptions options;
  options.load = 7;
  std::optional<PageMark> mark;
  switch (input.below(4)) {
    case 0:
      break;
    case 1:
      options.basis = Basis::kDigests;
      if (input.flag()) staging.held.add({0, 2});
      break;
    case 2:
      options.basis = Basis::kDigests;
      options.live = live.bytes();
      break;
    default:
      mark.emplace(PageMark{3, PageSet(kPages)});
      mark->changed.add({input.below(kPages), 1});
      options.basis = Basis::kChanged;
      options.live = live.bytes();
      options.mark = &*mark;
  }
  Sent sent;
  Line line;
  say_all(input, line, sent);
  line.end();
  Waiter waiter;
  auto arrival = Arrival::start(staging, hash(), line.take(), options, waiter.bell());
  CHECK(arrival.ok());
  waiter.wait_beyond(0);
  const bool is_complete = arrival.value()->phase() == ArrivalPhase::kComplete;
  CHECK(!is_complete || arrival.value()->known().stale.is_empty());
  CHECK(!is_complete || staging.is_whole() || !options.live.empty());
  CHECK(is_complete || arrival.value()->failure().action[0] != '\0');
  arrival.value().reset();
  CHECK(live.data()[0] == 0 && live.data()[1] == 1);
  if (!is_complete || sent.is_broken || options.basis == Basis::kDigests) return;
  for (std::size_t i = 0; i < kPages; ++i) {
    if (!staging.held.contains(i)) continue;
    CHECK(std::ranges::equal(staged.bytes().subspan(i * kPageBytes, kPageBytes),
                             sent.pages.bytes().subspan(i * kPageBytes, kPageBytes)));
  }
}

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::run({data, size});
  return 0;
}
