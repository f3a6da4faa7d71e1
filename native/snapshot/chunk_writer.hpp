// ChunkWriter: cuts an image into chunks, in order.
//
// It only looks at the image: whoever owns the bytes keeps them alive and unchanged until the last
// chunk is written. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hotpair::snapshot {

class ChunkWriter {
 public:
  // Chunks carry at most `chunk_bytes`, at least 1, of the image.
  ChunkWriter(std::span<const std::uint8_t> image, std::uint32_t chunk_bytes) noexcept;

  // The size of the next chunk with its header; 0 at the end.
  std::size_t next_size() const noexcept;

  // Writes the next chunk into `into` and returns its size; 0 at the end.
  // Requires: into.size() >= next_size().
  std::size_t next(std::span<std::uint8_t> into) noexcept;

 private:
  std::span<const std::uint8_t> image_;
  std::uint32_t chunk_bytes_;
  // Bytes of the image that were written; never above its size.
  std::size_t offset_ = 0;
};

}  // namespace hotpair::snapshot
