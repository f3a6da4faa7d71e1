// What server and unit of a member say to each other on their socket, before and beside the words
// in shared memory.
//
//   server                                 unit
//     hello ────────────────────────────────►
//     open: the pair to beat for, and ──────►   opens the sockets of the beats, makes the words
//           what rings the server
//     ◄──────────────── opened: the words, and what wakes the beat thread; what became of the
//                               server before
//     vowed ────────────────────────────────►   watches over the server's vow from here on
//     ...                                       (all else goes through the words)
//     bye ──────────────────────────────────►   closes the beats, and is free for the next server
//
// In the place of `opened` may come `refused`, with the reason; the connection ends then. A
// connection that ends without `bye` leaves the other side to see whether the process has, too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.hpp"
#include "heartbeat/beat_pair.hpp"

namespace hotpair::unit {

namespace message {
inline constexpr std::uint16_t kHello = 1;
inline constexpr std::uint16_t kOpen = 2;
inline constexpr std::uint16_t kOpened = 3;
inline constexpr std::uint16_t kRefused = 4;
inline constexpr std::uint16_t kVowed = 5;
inline constexpr std::uint16_t kBye = 6;
}  // namespace message

// The pair of a server, but for its event loop, as the payload of `open`.
inline constexpr std::size_t kAddressBytes = 40;
inline constexpr std::size_t kOpenBytes = 128 + heartbeat::kMostLinks * 3 * kAddressBytes;
std::array<std::uint8_t, kOpenBytes> encode_open(const heartbeat::PairConfig& config) noexcept;
// Nothing when it is none that can be opened: each value is checked, for it comes from another
// process.
std::optional<heartbeat::PairConfig> decode_open(std::span<const std::uint8_t> bytes) noexcept;

// What became of the server before, as the payload of `opened`.
enum class Former : std::uint32_t {
  // It ended by itself, or was never there.
  kNone = 0,
  // It hung and was killed by this unit.
  kKilled = 1,
};
inline constexpr std::size_t kOpenedBytes = 4;
std::array<std::uint8_t, kOpenedBytes> encode_opened(Former former) noexcept;
std::optional<Former> decode_opened(std::span<const std::uint8_t> bytes) noexcept;

// Why a server was not taken.
enum class Obstacle : std::uint32_t {
  // What it said is no message of this version.
  kMessage = 1,
  // It belongs to another pair, or is the other member.
  kOther = 2,
  // Another server of this member is there.
  kTaken = 3,
  // The sockets of the beats could not be opened.
  kSockets = 4,
  // There is no memory to share.
  kMemory = 5,
};
struct Refusal {
  Obstacle obstacle = Obstacle::kMessage;
  // Of what stood in the way, where that is an error of its own.
  ErrorCode code = ErrorCode::kNative;
  std::int32_t os_error = 0;
};
inline constexpr std::size_t kRefusedBytes = 12;
std::array<std::uint8_t, kRefusedBytes> encode_refused(const Refusal& refusal) noexcept;
std::optional<Refusal> decode_refused(std::span<const std::uint8_t> bytes) noexcept;
// The same for who was refused.
Error error_of(const Refusal& refusal) noexcept;

}  // namespace hotpair::unit
