// CRC-32C (Castagnoli, RFC 3720): the check sum of outputs, notices and chunks of a load.
//
// It finds damage and divergence, never malice: against a forger stands the pair's secret. The
// processor computes it where it can (SSE 4.2, ARMv8 CRC); a table does elsewhere. Both give the
// same sums, which the tests compare with the published vectors and with each other.
#pragma once

#include <cstdint>
#include <span>

namespace hotpair {

// The sum of `data`. `before` is the sum of the bytes in front of it, 0 when there are none:
// crc32c(b, crc32c(a)) is the sum of a followed by b.
// thread: any
std::uint32_t crc32c(std::span<const std::uint8_t> data, std::uint32_t before = 0) noexcept;

// The same by table alone, on any processor.
// thread: any
std::uint32_t crc32c_by_table(std::span<const std::uint8_t> data,
                              std::uint32_t before = 0) noexcept;

// Whether crc32c() uses instructions of this processor.
// thread: any
bool crc32c_has_hardware() noexcept;

}  // namespace hotpair
