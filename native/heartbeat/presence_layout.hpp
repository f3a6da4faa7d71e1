// What the beat thread itself reads and writes of a presence: the fields by which a reign is given
// up.
//
// The rest of the 128 bytes is JavaScript's alone (lib/wire/presence.ts); test/agree compares the
// two files. These fields are native because a member whose event loop hangs must still be able to
// say that it gives up.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/little_endian.hpp"
#include "heartbeat/beat_layout.hpp"

namespace hotpair::heartbeat::presence {

// u8
inline constexpr std::size_t kRole = 1;
// u64 each, little-endian; 0 is none.
inline constexpr std::size_t kEpoch = 8;
inline constexpr std::size_t kRenounced = 56;
inline constexpr std::size_t kAskRenounce = 64;

// Value of kRole of a member that rules.
inline constexpr std::uint8_t kPrimary = 3;

static_assert(kEpoch % 8 == 0 && kRenounced % 8 == 0 && kAskRenounce % 8 == 0);
static_assert(kRole < kEpoch && kEpoch + 8 <= kRenounced && kRenounced + 8 <= kAskRenounce);
static_assert(kAskRenounce + 8 <= kPresenceBytes);

inline std::uint64_t word(const Presence& bytes, std::size_t at) noexcept {
  return load_little<std::uint64_t>(bytes.data() + at);
}

inline bool is_primary(const Presence& bytes) noexcept { return bytes[kRole] == kPrimary; }

}  // namespace hotpair::heartbeat::presence
