// Checks and stages chunks; see chunk_reader.hpp and the picture in chunk_layout.hpp.
#include "snapshot/chunk_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/little_endian.hpp"
#include "snapshot/chunk_layout.hpp"

namespace hotpair::snapshot {

Result<ChunkReader> ChunkReader::open(std::size_t image_bytes) noexcept {
  Result<MappedRegion> staging =
      MappedRegion::open(image_bytes, "allocating the staging of a snapshot");
  if (!staging.ok()) return staging.error();
  std::vector<Range> ranges;
  ranges.reserve(kMostRanges);
  return ChunkReader(std::move(staging).value(), std::move(ranges));
}

ChunkReader::ChunkReader(MappedRegion staging, std::vector<Range> ranges) noexcept
    : staging_(std::move(staging)), ranges_(std::move(ranges)), missing_(staging_.size()) {}

PutStatus ChunkReader::put(std::span<const std::uint8_t> chunk) noexcept {
  if (chunk.size() <= kChunkHeaderBytes) return PutStatus::kCorrupt;
  const auto data = chunk.subspan(kChunkHeaderBytes);
  const std::uint64_t offset = load_little<std::uint64_t>(chunk.data());
  if (load_little<std::uint32_t>(chunk.data() + 8) != data.size()) return PutStatus::kCorrupt;
  if (load_little<std::uint32_t>(chunk.data() + kChunkSumOffset) != chunk_sum(chunk, data)) {
    return PutStatus::kCorrupt;
  }
  // The sum was right, so from here on the sender is wrong and not the line.
  if (offset > staging_.size() || data.size() > staging_.size() - offset) {
    return PutStatus::kOutside;
  }
  const PutStatus status = add_range({offset, offset + data.size()});
  if (status == PutStatus::kOk || status == PutStatus::kComplete) {
    std::memcpy(staging_.data() + offset, data.data(), data.size());
  }
  return status;
}

// Joins `added` with its neighbours.
PutStatus ChunkReader::add_range(Range added) noexcept {
  CHECK(added.begin < added.end && added.end <= staging_.size());
  // The first range that ends at or behind the beginning of the added one.
  const auto left =
      std::lower_bound(ranges_.begin(), ranges_.end(), added.begin,
                       [](const Range& range, std::uint64_t begin) { return range.end < begin; });
  const bool joins_left = left != ranges_.end() && left->end == added.begin;
  const auto right = joins_left ? left + 1 : left;
  if (right != ranges_.end() && right->begin < added.end) return PutStatus::kOverlap;
  const bool joins_right = right != ranges_.end() && right->begin == added.end;

  if (joins_left && joins_right) {
    left->end = right->end;
    ranges_.erase(right);
  } else if (joins_left) {
    left->end = added.end;
  } else if (joins_right) {
    right->begin = added.begin;
  } else {
    if (ranges_.size() == kMostRanges) return PutStatus::kOutside;
    ranges_.insert(right, added);
  }
  CHECK(missing_ >= added.end - added.begin);
  missing_ -= added.end - added.begin;
  return is_complete() ? PutStatus::kComplete : PutStatus::kOk;
}

MappedRegion ChunkReader::take() noexcept {
  CHECK(is_complete() && staging_.size() > 0);
  CHECK(ranges_.size() == 1);
  return std::move(staging_);
}

}  // namespace hotpair::snapshot
