// Writes chunks; see chunk_writer.hpp and the picture in chunk_layout.hpp.
#include "snapshot/chunk_writer.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/little_endian.hpp"
#include "snapshot/chunk_layout.hpp"

namespace hotpair::snapshot {

ChunkWriter::ChunkWriter(std::span<const std::uint8_t> image, std::uint32_t chunk_bytes) noexcept
    : image_(image), chunk_bytes_(chunk_bytes) {
  CHECK(chunk_bytes > 0);
}

std::size_t ChunkWriter::next_size() const noexcept {
  const std::size_t left = image_.size() - offset_;
  return left == 0 ? 0 : kChunkHeaderBytes + std::min<std::size_t>(left, chunk_bytes_);
}

std::size_t ChunkWriter::next(std::span<std::uint8_t> into) noexcept {
  const std::size_t size = next_size();
  if (size == 0) return 0;
  CHECK(into.size() >= size);
  const std::size_t length = size - kChunkHeaderBytes;
  const auto data = image_.subspan(offset_, length);
  store_little<std::uint64_t>(into.data(), offset_);
  store_little<std::uint32_t>(into.data() + 8, static_cast<std::uint32_t>(length));
  store_little<std::uint32_t>(into.data() + kChunkSumOffset, chunk_sum(into, data));
  std::memcpy(into.data() + kChunkHeaderBytes, data.data(), length);
  offset_ += length;
  return size;
}

}  // namespace hotpair::snapshot
