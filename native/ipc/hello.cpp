// Reads and writes hellos; see hello.hpp.
// The offsets stand here once, in one table that both directions use.
#include "ipc/hello.hpp"

#include "base/little_endian.hpp"

namespace hotpair::ipc {
namespace {

namespace at {
constexpr std::size_t kMagic = 0;
constexpr std::size_t kVersion = 4;
constexpr std::size_t kSide = 6;
constexpr std::size_t kMember = 7;
constexpr std::size_t kPid = 8;
constexpr std::size_t kZero = 12;
constexpr std::size_t kIncarnation = 16;
constexpr std::size_t kPairDigest = 24;
constexpr std::size_t kSettingsDigest = 32;
constexpr std::size_t kZeroToo = 40;
static_assert(kZeroToo + 8 == kHelloBytes);
}  // namespace at

bool is_side(std::uint8_t value) noexcept {
  return value == static_cast<std::uint8_t>(Side::kServer) ||
         value == static_cast<std::uint8_t>(Side::kUnit);
}

}  // namespace

std::array<std::uint8_t, kHelloBytes> encode_hello(const Hello& hello) noexcept {
  std::array<std::uint8_t, kHelloBytes> bytes{};
  store_little(bytes.data() + at::kMagic, kHelloMagic);
  store_little(bytes.data() + at::kVersion, kIpcVersion);
  bytes[at::kSide] = static_cast<std::uint8_t>(hello.side);
  bytes[at::kMember] = hello.member;
  store_little(bytes.data() + at::kPid, hello.pid);
  store_little(bytes.data() + at::kIncarnation, hello.incarnation);
  store_little(bytes.data() + at::kPairDigest, hello.pair_digest);
  store_little(bytes.data() + at::kSettingsDigest, hello.settings_digest);
  return bytes;
}

DecodedHello decode_hello(std::span<const std::uint8_t> bytes) noexcept {
  DecodedHello decoded;
  // A later version may be longer, so its version is read before the length is judged.
  if (bytes.size() < at::kVersion + sizeof(std::uint16_t)) return decoded;
  if (load_little<std::uint32_t>(bytes.data() + at::kMagic) != kHelloMagic) return decoded;
  decoded.version = load_little<std::uint16_t>(bytes.data() + at::kVersion);
  if (decoded.version != kIpcVersion) {
    decoded.fault = HelloFault::kVersion;
    return decoded;
  }
  if (bytes.size() != kHelloBytes) return decoded;
  const std::uint8_t* data = bytes.data();
  Hello hello;
  hello.member = data[at::kMember];
  hello.pid = load_little<std::uint32_t>(data + at::kPid);
  hello.incarnation = load_little<std::uint64_t>(data + at::kIncarnation);
  hello.pair_digest = load_little<std::uint64_t>(data + at::kPairDigest);
  hello.settings_digest = load_little<std::uint64_t>(data + at::kSettingsDigest);
  const bool is_known =
      is_side(data[at::kSide]) && hello.member <= 1 && hello.pid != 0 && hello.incarnation != 0;
  const bool is_clean = load_little<std::uint32_t>(data + at::kZero) == 0 &&
                        load_little<std::uint64_t>(data + at::kZeroToo) == 0;
  if (!is_known || !is_clean) {
    decoded.fault = HelloFault::kValue;
    return decoded;
  }
  hello.side = static_cast<Side>(data[at::kSide]);
  decoded.fault = HelloFault::kNone;
  decoded.hello = hello;
  return decoded;
}

}  // namespace hotpair::ipc
