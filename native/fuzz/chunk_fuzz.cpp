// Fuzzes the chunks of an image beside a map of which byte has come: a chunk is staged exactly when
// it is right, lies within the image and brings only what is missing; the rest changes nothing.
#include <algorithm>

#include "fuzz_input.hpp"
#include "snapshot/chunk_layout.hpp"
#include "snapshot/chunk_reader.hpp"

namespace hotpair::fuzz {
namespace {

using namespace snapshot;

class Image {
 public:
  explicit Image(std::size_t size) : bytes_(size), has_(size) {}

  PutStatus expected(std::uint64_t offset, std::span<const std::uint8_t> data) const {
    if (data.empty()) return PutStatus::kCorrupt;
    if (offset > bytes_.size() || data.size() > bytes_.size() - offset) return PutStatus::kOutside;
    const auto first = has_.begin() + static_cast<std::ptrdiff_t>(offset);
    const auto end = first + static_cast<std::ptrdiff_t>(data.size());
    if (std::find(first, end, true) != end) return PutStatus::kOverlap;
    return missing() == data.size() ? PutStatus::kComplete : PutStatus::kOk;
  }
  void put(std::uint64_t offset, std::span<const std::uint8_t> data) {
    const auto at = static_cast<std::ptrdiff_t>(offset);
    std::copy(data.begin(), data.end(), bytes_.begin() + at);
    std::fill_n(has_.begin() + at, data.size(), true);
  }
  std::size_t missing() const {
    return static_cast<std::size_t>(std::count(has_.begin(), has_.end(), false));
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  std::vector<bool> has_;
};

Bytes chunk_of(std::uint64_t offset, std::span<const std::uint8_t> data) {
  Bytes made(kChunkHeaderBytes + data.size());
  store_little(made.data(), offset);
  store_little(made.data() + 8, static_cast<std::uint32_t>(data.size()));
  std::copy(data.begin(), data.end(), made.begin() + kChunkHeaderBytes);
  store_little(made.data() + kChunkSumOffset, chunk_sum(made, data));
  return made;
}

// With a sum that is right by chance only; what became of it is all that can be said.
PutStatus put_anything(Input& input, ChunkReader& reader) {
  return reader.put(input.bytes(input.below(64)));
}

void run(Input input) {
  // At 1,100 there may be more holes than a reader keeps.
  const std::size_t size = 1 + input.number<std::uint16_t>() % 2'200;
  auto reader = ChunkReader::open(size);
  CHECK(reader.ok());
  Image image(size);
  std::size_t parts = 0;
  std::uint64_t behind = 0;
  while (!input.is_empty() && !reader.value().is_complete()) {
    const std::uint8_t choice = input.byte();
    if (choice == 0) {
      const PutStatus status = put_anything(input, reader.value());
      CHECK(status != PutStatus::kOk && status != PutStatus::kComplete);
      continue;
    }
    const std::uint64_t offset = input.near(behind);
    const Bytes data(choice < 128 ? choice % 4 : input.number<std::uint16_t>(), input.byte());
    const PutStatus expected = image.expected(offset, data);
    const PutStatus status = reader.value().put(chunk_of(offset, data));
    const bool has_too_many = status == PutStatus::kOutside && expected == PutStatus::kOk &&
                              parts >= ChunkReader::kMostRanges;
    CHECK(status == expected || has_too_many);
    if (status != PutStatus::kOk && status != PutStatus::kComplete) continue;
    image.put(offset, data);
    behind = offset + data.size();
    ++parts;
  }
  CHECK(reader.value().is_complete() == (image.missing() == 0));
  if (!reader.value().is_complete()) return;
  const MappedRegion taken = reader.value().take();
  CHECK(std::ranges::equal(taken.bytes(), image.bytes()));
}

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::run({data, size});
  return 0;
}
