// Fuzzes the marks of a dead server: as its unit reads them off memory that the server wrote, and
// as the other member puts them together out of packets in any order.
#include <algorithm>
#include <bit>
#include <memory>

#include "fuzz_input.hpp"
#include "heartbeat/sent_marks.hpp"

namespace hotpair::fuzz {
namespace {

using namespace heartbeat;

constexpr std::uint64_t kMostWhole = (std::uint64_t{1} << 53) - 1;

void check(const PeerMarks& marks) {
  CHECK(marks.epoch != 0 && marks.epoch <= kMostWhole && marks.lanes <= kMostLanes);
  for (std::size_t i = 0; i < kMostLanes; ++i) {
    CHECK(marks.lane[i].sent <= marks.lane[i].begun && marks.lane[i].begun <= kMostWhole);
    CHECK(i < marks.lanes || marks.lane[i].begun == 0);
  }
}

// As JavaScript writes it, or any 64 bits.
std::uint64_t word(Input& input) {
  const std::uint8_t choice = input.byte();
  return choice == 255 ? input.number<std::uint64_t>() : std::bit_cast<std::uint64_t>(choice / 1.0);
}

bool are_equal(const PeerMarks& one, const PeerMarks& other) {
  const auto bytes_of = [](const PeerMarks& marks) {
    return std::span(reinterpret_cast<const std::uint8_t*>(&marks), sizeof marks);
  };
  return std::ranges::equal(bytes_of(one), bytes_of(other));
}

// What is read can be told: in packets, of which the last comes first and each twice.
void tell(const PeerMarks& marks) {
  MarksCollector collector;
  const std::size_t count = packets_of(marks);
  for (std::size_t i = count; i > 0; --i) {
    const Presence packet = encode_marks(marks, i - 1);
    CHECK(collector.take(marks.incarnation, packet) == (i == 1));
    CHECK(!collector.take(marks.incarnation, packet));
  }
  CHECK(are_equal(collector.whole(), marks));
}

void read_memory(Input& input) {
  const auto marks = std::make_unique<SentMarks>();
  marks->epoch = word(input);
  marks->lanes = word(input);
  for (SentMarks::Lane& lane : marks->lane) {
    if (input.is_empty()) break;
    lane.begun = word(input);
    lane.sent = word(input);
  }
  const auto read = read_marks(*marks, 1 + input.below(2));
  if (!read) return;
  check(*read);
  tell(*read);
}

Presence packet(Input& input, std::uint64_t lanes) {
  Presence made{};
  store_little(made.data(), input.near(3));
  store_little(made.data() + 8, static_cast<std::uint32_t>(input.flag() ? lanes : input.byte()));
  const std::size_t first = input.byte();
  store_little(made.data() + 12, static_cast<std::uint32_t>(input.flag() ? first * 7 : first));
  for (std::size_t at = 16; at + 16 <= made.size() && input.flag(); at += 16) {
    const std::uint64_t begun = input.near(5);
    store_little(made.data() + at, begun);
    store_little(made.data() + at + 8, input.flag() ? begun : input.near(begun));
  }
  damage(input, made);
  return made;
}

void collect(Input& input) {
  MarksCollector collector;
  const std::uint64_t lanes = input.byte();
  while (!input.is_empty()) {
    const std::uint64_t incarnation = 1 + input.below(2);
    if (!collector.take(incarnation, packet(input, lanes))) continue;
    check(collector.whole());
    CHECK(collector.whole().incarnation == incarnation);
  }
}

void run(Input input) { input.flag() ? collect(input) : read_memory(input); }

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::run({data, size});
  return 0;
}
