// One chunk of an image under way: a header, then a part of the image. Little-endian.
//
//    0                              8               12              16              16+length
//   +------------------------------+---------------+---------------+---------------+
//   | offset                       | length        | CRC-32C       | bytes         |
//   +------------------------------+---------------+---------------+---------------+
//
// The CRC-32C is over offset, length and bytes, so that a right piece at a wrong place is found
// too. A chunk carries at least one byte. The offsets reach JavaScript by facts.snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/crc32c.hpp"

namespace hotpair::snapshot {

inline constexpr std::size_t kChunkHeaderBytes = 16;
// Where the sum stands, and so how many header bytes it covers.
inline constexpr std::size_t kChunkSumOffset = 12;

// The sum of a chunk whose header is at the front of `header`.
inline std::uint32_t chunk_sum(std::span<const std::uint8_t> header,
                               std::span<const std::uint8_t> data) noexcept {
  return crc32c(data, crc32c(header.first(kChunkSumOffset)));
}

}  // namespace hotpair::snapshot
