// Fuzzes the header of a region that another process has made: whatever stands in it, what is
// adopted lies within the memory that there is.
#include <unistd.h>

#include <utility>

#include "base/crc32c.hpp"
#include "base/shared_region.hpp"
#include "fuzz_input.hpp"

namespace hotpair::fuzz {
namespace {

constexpr RegionKind kKind{1, 1'001};
constexpr std::size_t kSumOffset = offsetof(RegionHeader, checksum);

// As SharedRegion::create() writes it, for a payload of `bytes`.
Bytes good_header(std::uint64_t bytes) {
  Bytes made(sizeof(RegionHeader));
  store_little(&made[offsetof(RegionHeader, magic)], kRegionMagic);
  store_little(&made[offsetof(RegionHeader, format)], kRegionFormat);
  store_little(&made[offsetof(RegionHeader, header_bytes)],
               static_cast<std::uint32_t>(page_size()));
  store_little(&made[offsetof(RegionHeader, kind)], kKind.kind);
  store_little(&made[offsetof(RegionHeader, kind) + 4], kKind.layout);
  store_little(&made[offsetof(RegionHeader, payload_bytes)], bytes);
  return made;
}

void run(Input input) {
  const std::size_t pages = input.below(5);
  auto memory =
      create_shared_memory(std::max<std::size_t>(1, pages) * page_size(), Reserve::kOnWrite);
  CHECK(memory.ok());
  Bytes header = good_header(input.flag() ? input.near(pages * page_size() - page_size())
                                          : input.number<std::uint16_t>());
  if (input.flag()) damage(input, header);
  if (input.flag()) header = input.bytes(sizeof(RegionHeader));
  if (input.flag()) {
    const auto covered = std::span<const std::uint8_t>(header).first(kSumOffset);
    store_little(&header[kSumOffset], crc32c(covered));
  }
  CHECK(::pwrite(memory.value().get(), header.data(), header.size(), 0) ==
        static_cast<ssize_t>(header.size()));
  const std::size_t least = input.number<std::uint16_t>();
  auto region = SharedRegion::adopt(std::move(memory).value(), kKind, least);
  if (!region.ok()) {
    CHECK(region.error().code == ErrorCode::kSharedMemory && region.error().action[0] != '\0');
    return;
  }
  CHECK(region.value().size() >= std::max<std::size_t>(least, 1));
  for (std::uint8_t& each : region.value().bytes()) ++each;
  const std::size_t offset = input.near(region.value().size());
  if (std::uint64_t* word = region.value().at<std::uint64_t>(offset)) ++*word;
}

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::run({data, size});
  return 0;
}
