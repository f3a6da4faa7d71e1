// Encodes and decodes the messages of unit_messages.hpp.
#include "unit/unit_messages.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/little_endian.hpp"

namespace hotpair::unit {
namespace {

using heartbeat::Address;
using heartbeat::PairConfig;

// Where the values stand in the payload of `open`.
namespace at {
constexpr std::size_t kPair = 0;
constexpr std::size_t kIncarnation = 8;
constexpr std::size_t kFirstSeq = 16;
constexpr std::size_t kKeys = 24;
constexpr std::size_t kInterval = 56;
constexpr std::size_t kWindow = 64;
constexpr std::size_t kHangAfter = 72;
constexpr std::size_t kSelf = 80;
constexpr std::size_t kDials = 81;
constexpr std::size_t kLinkCount = 82;
constexpr std::size_t kKillsHung = 83;
constexpr std::size_t kKeySets = 84;
constexpr std::size_t kKnown = 88;
constexpr std::size_t kOtherKeys = 96;
constexpr std::size_t kLinks = 128;
}  // namespace at

constexpr std::size_t kLengthAt = 32;
static_assert(kLengthAt + 8 == kAddressBytes);
static_assert(std::tuple_size_v<decltype(Address::bytes)> == kLengthAt);

void store_address(std::uint8_t* to, const Address& address) noexcept {
  std::copy(address.bytes.begin(), address.bytes.end(), to);
  store_little<std::uint32_t>(to + kLengthAt, address.length);
}

Address load_address(const std::uint8_t* from) noexcept {
  Address address;
  std::copy_n(from, kLengthAt, address.bytes.begin());
  address.length = load_little<std::uint32_t>(from + kLengthAt);
  return address;
}

Nanos load_nanos(const std::uint8_t* from) noexcept {
  return {static_cast<std::int64_t>(load_little<std::uint64_t>(from))};
}

void store_nanos(std::uint8_t* to, Nanos nanos) noexcept {
  store_little<std::uint64_t>(to, static_cast<std::uint64_t>(nanos.count));
}

void store_keys(std::uint8_t* to, const heartbeat::BeatKeys& keys) noexcept {
  for (const SipKey& key : keys) {
    store_little<std::uint64_t>(to, key.low);
    store_little<std::uint64_t>(to + 8, key.high);
    to += 16;
  }
}

heartbeat::BeatKeys load_keys(const std::uint8_t* from) noexcept {
  heartbeat::BeatKeys keys{};
  for (SipKey& key : keys) {
    key = {load_little<std::uint64_t>(from), load_little<std::uint64_t>(from + 8)};
    from += 16;
  }
  return keys;
}

}  // namespace

std::array<std::uint8_t, kOpenBytes> encode_open(const PairConfig& config) noexcept {
  std::array<std::uint8_t, kOpenBytes> bytes{};
  std::uint8_t* to = bytes.data();
  store_little<std::uint64_t>(to + at::kPair, config.pair);
  store_little<std::uint64_t>(to + at::kIncarnation, config.incarnation);
  store_little<std::uint64_t>(to + at::kFirstSeq, config.first_seq);
  store_keys(to + at::kKeys, config.keys);
  to[at::kKeySets] = config.other_keys ? 2 : 1;
  if (config.other_keys) store_keys(to + at::kOtherKeys, *config.other_keys);
  store_nanos(to + at::kInterval, config.timing.interval);
  store_nanos(to + at::kWindow, config.timing.window);
  store_nanos(to + at::kHangAfter, config.timing.hang_after);
  to[at::kSelf] = config.self;
  to[at::kDials] = config.dials ? 1 : 0;
  to[at::kLinkCount] = static_cast<std::uint8_t>(config.links.size());
  to[at::kKillsHung] = config.kills_hung ? 1 : 0;
  store_little<std::uint64_t>(to + at::kKnown, config.known);
  std::uint8_t* next = to + at::kLinks;
  for (const heartbeat::LinkConfig& link : config.links) {
    for (const Address* each : {&link.self, &link.addresses.peer, &link.addresses.peer_data}) {
      store_address(next, *each);
      next += kAddressBytes;
    }
  }
  return bytes;
}

std::optional<PairConfig> decode_open(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() != kOpenBytes) return {};
  const std::uint8_t* from = bytes.data();
  PairConfig config;
  config.pair = load_little<std::uint64_t>(from + at::kPair);
  config.incarnation = load_little<std::uint64_t>(from + at::kIncarnation);
  config.first_seq = load_little<std::uint64_t>(from + at::kFirstSeq);
  config.keys = load_keys(from + at::kKeys);
  const std::uint8_t key_sets = from[at::kKeySets];
  if (key_sets == 2) config.other_keys = load_keys(from + at::kOtherKeys);
  config.timing = {load_nanos(from + at::kInterval), load_nanos(from + at::kWindow),
                   load_nanos(from + at::kHangAfter)};
  config.self = from[at::kSelf];
  config.dials = from[at::kDials] == 1;
  config.kills_hung = from[at::kKillsHung] == 1;
  const std::size_t count = from[at::kLinkCount];
  config.known = load_little<std::uint64_t>(from + at::kKnown);
  // Half of all numbers: enough for any life, and no room for an overflow.
  const bool is_sound = config.incarnation != 0 && config.first_seq <= UINT64_MAX / 2 &&
                        config.timing.is_sound() && config.self <= 1 && from[at::kDials] <= 1 &&
                        from[at::kKillsHung] <= 1 && key_sets >= 1 && key_sets <= 2 && count >= 1 &&
                        count <= heartbeat::kMostLinks;
  if (!is_sound) return {};
  const std::uint8_t* next = from + at::kLinks;
  for (std::size_t i = 0; i < count; ++i) {
    const Address self = load_address(next);
    const Address peer = load_address(next + kAddressBytes);
    const Address data = load_address(next + 2 * kAddressBytes);
    if (!heartbeat::is_sound(self) || !heartbeat::is_sound(peer) || !heartbeat::is_sound(data))
      return {};
    config.links.push_back({self, {peer, data}});
    next += 3 * kAddressBytes;
  }
  return config;
}

std::array<std::uint8_t, kOpenedBytes> encode_opened(Former former) noexcept {
  std::array<std::uint8_t, kOpenedBytes> bytes{};
  store_little<std::uint32_t>(bytes.data(), static_cast<std::uint32_t>(former));
  return bytes;
}

std::optional<Former> decode_opened(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() != kOpenedBytes) return {};
  const auto former = load_little<std::uint32_t>(bytes.data());
  if (former > static_cast<std::uint32_t>(Former::kKilled)) return {};
  return static_cast<Former>(former);
}

std::array<std::uint8_t, kRefusedBytes> encode_refused(const Refusal& refusal) noexcept {
  std::array<std::uint8_t, kRefusedBytes> bytes{};
  store_little<std::uint32_t>(bytes.data(), static_cast<std::uint32_t>(refusal.obstacle));
  store_little<std::uint32_t>(bytes.data() + 4, static_cast<std::uint32_t>(refusal.code));
  store_little<std::uint32_t>(bytes.data() + 8, static_cast<std::uint32_t>(refusal.os_error));
  return bytes;
}

std::optional<Refusal> decode_refused(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() != kRefusedBytes) return {};
  const auto obstacle = load_little<std::uint32_t>(bytes.data());
  const auto code = load_little<std::uint32_t>(bytes.data() + 4);
  const auto os_error = static_cast<std::int32_t>(load_little<std::uint32_t>(bytes.data() + 8));
  if (obstacle < static_cast<std::uint32_t>(Obstacle::kMessage) ||
      obstacle > static_cast<std::uint32_t>(Obstacle::kMemory) || code >= kErrorCodes) {
    return {};
  }
  return Refusal{static_cast<Obstacle>(obstacle), static_cast<ErrorCode>(code), os_error};
}

Error error_of(const Refusal& refusal) noexcept {
  switch (refusal.obstacle) {
    case Obstacle::kMessage:
      return {ErrorCode::kUnit, "speaking to the unit, which is of another version"};
    case Obstacle::kOther:
      return {ErrorCode::kAddressInUse, "joining the unit, which serves another pair or member"};
    case Obstacle::kTaken:
      return {ErrorCode::kAddressInUse, "joining the unit, which has a server of this member"};
    case Obstacle::kSockets:
      return {refusal.code, "opening the sockets of the beats in the unit", refusal.os_error};
    case Obstacle::kMemory:
      return {refusal.code, "making memory to share with the unit", refusal.os_error};
  }
  check_failed("an Obstacle is one of its enumerators", __FILE__, __LINE__);
}

}  // namespace hotpair::unit
