// ChunkReader: checks the chunks of one image and puts them together beside the state in use.
//
// Half an image is never seen by anybody: bytes go into a staging of the announced size, and that
// is handed over only when each byte of it has come once and was right. A refused chunk changes
// nothing. Chunks usually come in order, which costs one comparison; any other order is right too,
// and then the parts that are there are kept as a list of ranges, bounded: a sender that makes more
// holes than kMostRanges is refused as one that sends at the wrong place. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/mapped_region.hpp"
#include "base/result.hpp"

namespace hotpair::snapshot {

// What became of a chunk; the numbers reach JavaScript by facts.snapshot.
enum class PutStatus : std::uint8_t {
  // Staged, and more is missing.
  kOk = 0,
  // Staged, and the image is complete.
  kComplete = 1,
  // The chunk is cut off, too long or damaged.
  kCorrupt = 2,
  // Some of its bytes are there already.
  kOverlap = 3,
  // It reaches beyond the announced size, or would leave more than kMostRanges parts.
  kOutside = 4,
};

class ChunkReader {
 public:
  // Allocates staging for `image_bytes`, at least 1. Fails with kNoMemory.
  static Result<ChunkReader> open(std::size_t image_bytes) noexcept;

  // Checks one chunk and stages it.
  PutStatus put(std::span<const std::uint8_t> chunk) noexcept;

  bool is_complete() const noexcept { return missing_ == 0; }

  // Hands the staging over. Requires: is_complete(), and not taken before.
  MappedRegion take() noexcept;

  // 16 bytes each; a network path that reorders by more than this many chunks is none of ours.
  static constexpr std::size_t kMostRanges = 1024;

 private:
  // The bytes from `begin` up to, not including, `end`.
  struct Range {
    std::uint64_t begin;
    std::uint64_t end;
  };

  ChunkReader(MappedRegion staging, std::vector<Range> ranges) noexcept;

  PutStatus add_range(Range added) noexcept;

  MappedRegion staging_;
  // What is there: in order, apart from each other, at most kMostRanges; the capacity is reserved
  // at open.
  std::vector<Range> ranges_;
  // Bytes that have not come; the size of the image less the sum of ranges_.
  std::uint64_t missing_;
};

}  // namespace hotpair::snapshot
