// SipHash-2-4 as the paper states it; see siphash.hpp. Two rounds a word, four at the end.
#include "base/siphash.hpp"

#include <bit>

#include "base/little_endian.hpp"

namespace hotpair {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace

SipKey SipKey::from_bytes(std::span<const std::uint8_t, 16> bytes) noexcept {
  return {load_little<std::uint64_t>(bytes.data()), load_little<std::uint64_t>(bytes.data() + 8)};
}

std::uint64_t siphash24(const SipKey& key, std::span<const std::uint8_t> data) noexcept {
  // The constants are the ASCII text "somepseudorandomlygeneratedbytes".
  State state{key.low ^ 0x736f'6d65'7073'6575, key.high ^ 0x646f'7261'6e64'6f6d,
              key.low ^ 0x6c79'6765'6e65'7261, key.high ^ 0x7465'6462'7974'6573};
  std::size_t at = 0;
  for (; data.size() - at >= 8; at += 8) state.absorb(load_little<std::uint64_t>(data.data() + at));
  // The last word: what is left over, and the length in its top byte.
  std::uint64_t last = static_cast<std::uint64_t>(data.size() & 0xff) << 56;
  for (unsigned shift = 0; at < data.size(); ++at, shift += 8) {
    last |= static_cast<std::uint64_t>(data[at]) << shift;
  }
  state.absorb(last);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace hotpair
