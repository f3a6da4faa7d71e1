// What the two ends of a region's load say to each other: packets on one stream. Little-endian.
//
//    0        8        12      16     18     20         24     28         32          32+body
//   +--------+--------+-------+------+------+----------+------+----------+-----------+
//   | offset | length | round | kind | zero | body sum | zero | head sum | body      |
//   +--------+--------+-------+------+------+----------+------+----------+-----------+
//
//   kind   from      offset, length        body               the body sum is over
//   want   receiver  0, size of the body   below              the body
//   bytes  sender    of the pages          the pages          the digest of each page
//   zeros  sender    of the pages          none               nothing
//   end    sender    0, 16                 digest, pages      the body
//   done   receiver  0, 8                  digest             the body
//
// Both sums are CRC-32C. That of the head covers all before it and is checked before the length is
// acted on, so a damaged one makes nobody wait or write. Pages are summed by their digests, because
// both ends need those anyway: so each page is read once. `round` counts the sender's passes over
// the region, for show. The order is: want, then bytes and zeros, then end, then done. The stream
// is plain: whoever opens the connection authenticates it, and where there is a secret passes it
// through TLS on the way, as any other stream of bytes.
//
// The body of `want`:
//
//    0         4            8              16     24          32     40      44     48
//   +---------+------------+--------------+------+-----------+------+-------+------+----------+
//   | version | page bytes | region bytes | load | key check | mark | basis | zero | by basis |
//   +---------+------------+--------------+------+-----------+------+-------+------+----------+
//
//   basis    what the receiver holds                    by basis
//   nothing  nothing                                    nothing
//   digests  some pages, perhaps of another time        bits of pages, then a digest for each
//   changed  the sender's state as of `mark`, since     bits of the pages that were changed here
//            when it has changed some pages itself      since
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "snapshot/page_set.hpp"

namespace hotpair::snapshot {

inline constexpr std::uint32_t kMoveVersion = 1;
inline constexpr std::size_t kMoveHeaderBytes = 32;
inline constexpr std::size_t kWantBytes = 48;
inline constexpr std::size_t kEndBytes = 16;
inline constexpr std::size_t kDoneBytes = 8;

// Pages of one packet at most. 256 KiB: read, digested and sent while they are in the
// processor's second cache. Four times more falls out of it; a quarter costs a system call for
// every 64 KiB.
inline constexpr std::size_t kMostChunkPages = 64;

enum class PacketKind : std::uint16_t { kWant = 1, kBytes = 2, kZeros = 3, kEnd = 4, kDone = 5 };
enum class Basis : std::uint32_t { kNothing = 0, kDigests = 1, kChanged = 2 };

struct Packet {
  PacketKind kind{};
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t round = 0;
};
using MoveHeader = std::array<std::uint8_t, kMoveHeaderBytes>;

// Writes a header with the sum of `summed`, which stands for the body.
void seal_packet(std::span<std::uint8_t, kMoveHeaderBytes> into, const Packet& packet,
                 std::span<const std::uint8_t> summed) noexcept;
// Nothing when its sum is wrong, the kind is unknown or the zeros are none.
std::optional<Packet> read_packet(std::span<const std::uint8_t, kMoveHeaderBytes> header) noexcept;
// Whether `summed` is what the header was sealed with.
bool has_body_sum(std::span<const std::uint8_t, kMoveHeaderBytes> header,
                  std::span<const std::uint8_t> summed) noexcept;
// The pages of a `bytes` or `zeros` packet; nothing unless they are whole pages, at least one and
// no more than a packet may have, of a region of `page_count` pages.
std::optional<PageRange> pages_of(const Packet& packet, std::size_t page_count) noexcept;

struct Want {
  std::uint64_t region_bytes = 0;
  std::uint64_t load = 0;
  std::uint64_t key_check = 0;
  std::uint64_t mark = 0;
  Basis basis = Basis::kNothing;
};
void write_want(std::span<std::uint8_t, kWantBytes> into, const Want& want) noexcept;
// Nothing when it is of another version or page size, or its basis is unknown.
std::optional<Want> read_want(std::span<const std::uint8_t, kWantBytes> bytes) noexcept;
// The longest body of a `want` for a region of `page_count` pages.
std::size_t most_want_bytes(std::size_t page_count) noexcept;

}  // namespace hotpair::snapshot
