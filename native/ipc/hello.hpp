// The first message of each side of the socket between server and unit: who is there, and of what.
//
//   0  u32  magic                        16  u64  incarnation of the server, or of the unit
//   4  u16  protocol version             24  u64  digest of the pair's name
//   6  u8   side: 1 server, 2 unit       32  u64  digest of the settings that must agree
//   7  u8   member: 0 is a, 1 is b       40  u32  zero
//   8  u32  pid, for people to read      44  u32  zero
//  12  u32  zero
//
// Little-endian, 48 bytes. decode_hello() is strict: each byte that has no meaning yet is zero. The
// magic and the version stand where every version has them. Which process it really is, the
// kernel's credentials say; the pid here may be of another namespace.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hotpair::ipc {

inline constexpr std::size_t kHelloBytes = 48;
// "hpIP" read as a number.
inline constexpr std::uint32_t kHelloMagic = 0x50'49'70'68;
// Of the messages on the socket; a layout in shared memory has a version of its own.
inline constexpr std::uint16_t kIpcVersion = 3;

enum class Side : std::uint8_t { kServer = 1, kUnit = 2 };

struct Hello {
  Side side = Side::kServer;
  // 0 is a, 1 is b.
  std::uint8_t member = 0;
  std::uint32_t pid = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t pair_digest = 0;
  std::uint64_t settings_digest = 0;

  friend bool operator==(const Hello&, const Hello&) = default;
};

enum class HelloFault : std::uint8_t {
  kNone,
  // Not a hello at all: its length or its magic.
  kMalformed,
  // A hello of another version, of which nothing else was read.
  kVersion,
  // A value that this version does not know.
  kValue,
};

struct DecodedHello {
  HelloFault fault = HelloFault::kMalformed;
  // The version that the other side speaks, where the fault is none, a value or the version.
  std::uint16_t version = 0;
  // Meaningful only without a fault.
  Hello hello{};
};

// thread: any, both
std::array<std::uint8_t, kHelloBytes> encode_hello(const Hello& hello) noexcept;
DecodedHello decode_hello(std::span<const std::uint8_t> bytes) noexcept;

}  // namespace hotpair::ipc
