// Reads, cuts and collects marks; see sent_marks.hpp.
#include "heartbeat/sent_marks.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.hpp"
#include "base/little_endian.hpp"

namespace hotpair::heartbeat {
namespace {

constexpr double kMostWhole = 9'007'199'254'740'991.0;
constexpr std::uint64_t kMostWholeBits = (std::uint64_t{1} << 53) - 1;
constexpr std::size_t kLanesAt = 16;

// relaxed: the writer is dead, and its death was learnt by a way that orders what it wrote.
std::optional<std::uint64_t> number_in(const std::atomic<std::uint64_t>& word) noexcept {
  return whole_number(word.load(std::memory_order_relaxed));
}

}  // namespace

std::optional<std::uint64_t> whole_number(std::uint64_t bits) noexcept {
  const double number = std::bit_cast<double>(bits);
  if (!(number >= 0 && number <= kMostWhole) || std::floor(number) != number) return {};
  return static_cast<std::uint64_t>(number);
}

std::optional<PeerMarks> read_marks(const SentMarks& marks, std::uint64_t incarnation) noexcept {
  const auto epoch = number_in(marks.epoch);
  const auto lanes = number_in(marks.lanes);
  if (!epoch || *epoch == 0 || !lanes || *lanes > kMostLanes) return {};
  PeerMarks read{};
  read.incarnation = incarnation;
  read.epoch = *epoch;
  read.lanes = *lanes;
  for (std::size_t i = 0; i < *lanes; ++i) {
    const auto begun = number_in(marks.lane[i].begun);
    const auto sent = number_in(marks.lane[i].sent);
    if (!begun || !sent || *sent > *begun) return {};
    read.lane[i] = {*begun, *sent};
  }
  return read;
}

std::size_t packets_of(const PeerMarks& marks) noexcept {
  return std::max<std::size_t>(1, (marks.lanes + kLanesAtOnce - 1) / kLanesAtOnce);
}

Presence encode_marks(const PeerMarks& marks, std::size_t packet) noexcept {
  CHECK(packet < packets_of(marks));
  Presence bytes{};
  const std::size_t first = packet * kLanesAtOnce;
  store_little<std::uint64_t>(bytes.data(), marks.epoch);
  store_little<std::uint32_t>(bytes.data() + 8, static_cast<std::uint32_t>(marks.lanes));
  store_little<std::uint32_t>(bytes.data() + 12, static_cast<std::uint32_t>(first));
  for (std::size_t i = 0; i < kLanesAtOnce && first + i < marks.lanes; ++i) {
    std::uint8_t* at = bytes.data() + kLanesAt + i * 16;
    store_little<std::uint64_t>(at, marks.lane[first + i].begun);
    store_little<std::uint64_t>(at + 8, marks.lane[first + i].sent);
  }
  return bytes;
}

bool MarksCollector::take(std::uint64_t incarnation, const Presence& packet) noexcept {
  const auto epoch = load_little<std::uint64_t>(packet.data());
  const std::size_t lanes = load_little<std::uint32_t>(packet.data() + 8);
  const std::size_t first = load_little<std::uint32_t>(packet.data() + 12);
  const bool is_sound = epoch != 0 && epoch <= kMostWholeBits && lanes <= kMostLanes &&
                        first % kLanesAtOnce == 0 && (first < lanes || (first == 0 && lanes == 0));
  if (!is_sound) return false;
  if (marks_.incarnation != incarnation || marks_.epoch != epoch || marks_.lanes != lanes) {
    marks_ = {};
    marks_.incarnation = incarnation;
    marks_.epoch = epoch;
    marks_.lanes = lanes;
    has_.fill(false);
    missing_ = packets_of(marks_);
  }
  bool& has = has_[first / kLanesAtOnce];
  if (has) return false;
  for (std::size_t i = 0; i < kLanesAtOnce && first + i < lanes; ++i) {
    const std::uint8_t* at = packet.data() + kLanesAt + i * 16;
    const auto begun = load_little<std::uint64_t>(at);
    const auto sent = load_little<std::uint64_t>(at + 8);
    if (begun > kMostWholeBits || sent > begun) return false;
    marks_.lane[first + i] = {begun, sent};
  }
  has = true;
  return --missing_ == 0;
}

}  // namespace hotpair::heartbeat
