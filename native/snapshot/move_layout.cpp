// Packets of a load to bytes and back; see move_layout.hpp for the pictures.
#include "snapshot/move_layout.hpp"

#include "base/crc32c.hpp"
#include "base/little_endian.hpp"

namespace hotpair::snapshot {
namespace {

constexpr std::size_t kBodySumOffset = 20;
constexpr std::size_t kHeadSumOffset = 28;

bool is_known(std::uint16_t kind) noexcept {
  return kind >= static_cast<std::uint16_t>(PacketKind::kWant) &&
         kind <= static_cast<std::uint16_t>(PacketKind::kDone);
}

}  // namespace

void seal_packet(std::span<std::uint8_t, kMoveHeaderBytes> into, const Packet& packet,
                 std::span<const std::uint8_t> summed) noexcept {
  store_little(&into[0], packet.offset);
  store_little(&into[8], packet.length);
  store_little(&into[12], packet.round);
  store_little(&into[16], static_cast<std::uint16_t>(packet.kind));
  store_little(&into[18], std::uint16_t{0});
  store_little(&into[kBodySumOffset], crc32c(summed));
  store_little(&into[24], std::uint32_t{0});
  store_little(&into[kHeadSumOffset], crc32c(into.first<kHeadSumOffset>()));
}

std::optional<Packet> read_packet(std::span<const std::uint8_t, kMoveHeaderBytes> header) noexcept {
  const auto kind = load_little<std::uint16_t>(&header[16]);
  const std::uint32_t head_sum = crc32c(header.first<kHeadSumOffset>());
  if (load_little<std::uint32_t>(&header[kHeadSumOffset]) != head_sum) return std::nullopt;
  if (!is_known(kind) || load_little<std::uint16_t>(&header[18]) != 0 ||
      load_little<std::uint32_t>(&header[24]) != 0) {
    return std::nullopt;
  }
  return Packet{static_cast<PacketKind>(kind), load_little<std::uint64_t>(&header[0]),
                load_little<std::uint32_t>(&header[8]), load_little<std::uint32_t>(&header[12])};
}

bool has_body_sum(std::span<const std::uint8_t, kMoveHeaderBytes> header,
                  std::span<const std::uint8_t> summed) noexcept {
  return load_little<std::uint32_t>(&header[kBodySumOffset]) == crc32c(summed);
}

std::optional<PageRange> pages_of(const Packet& packet, std::size_t page_count) noexcept {
  const std::size_t count = packet.length / kPageBytes;
  if (packet.offset % kPageBytes != 0 || packet.length % kPageBytes != 0) return std::nullopt;
  if (count == 0 || count > kMostChunkPages) return std::nullopt;
  const std::uint64_t first = packet.offset / kPageBytes;
  if (first > page_count || count > page_count - first) return std::nullopt;
  return PageRange{static_cast<std::size_t>(first), count};
}

void write_want(std::span<std::uint8_t, kWantBytes> into, const Want& want) noexcept {
  store_little(&into[0], kMoveVersion);
  store_little(&into[4], static_cast<std::uint32_t>(kPageBytes));
  store_little(&into[8], want.region_bytes);
  store_little(&into[16], want.load);
  store_little(&into[24], want.key_check);
  store_little(&into[32], want.mark);
  store_little(&into[40], static_cast<std::uint32_t>(want.basis));
  store_little(&into[44], std::uint32_t{0});
}

std::optional<Want> read_want(std::span<const std::uint8_t, kWantBytes> bytes) noexcept {
  const auto basis = load_little<std::uint32_t>(&bytes[40]);
  if (load_little<std::uint32_t>(&bytes[0]) != kMoveVersion) return std::nullopt;
  if (load_little<std::uint32_t>(&bytes[4]) != kPageBytes) return std::nullopt;
  if (basis > static_cast<std::uint32_t>(Basis::kChanged)) return std::nullopt;
  if (load_little<std::uint32_t>(&bytes[44]) != 0) return std::nullopt;
  return Want{load_little<std::uint64_t>(&bytes[8]), load_little<std::uint64_t>(&bytes[16]),
              load_little<std::uint64_t>(&bytes[24]), load_little<std::uint64_t>(&bytes[32]),
              static_cast<Basis>(basis)};
}

std::size_t most_want_bytes(std::size_t page_count) noexcept {
  return kWantBytes + (page_count + 63) / 64 * 8 + page_count * 8;
}

}  // namespace hotpair::snapshot
