// What the tests of the outbox share: building batches, opening, reading everything back.
// Nothing here checks more than that a record can be read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/crc32c.hpp"
#include "harness.hpp"
#include "outbox/outbox.hpp"

namespace hotpair::test {

using namespace hotpair::outbox;
using Bytes = std::vector<std::uint8_t>;

inline constexpr std::size_t kLimit = 64 * kBlockBytes;

inline Outbox open_outbox(std::size_t limit = kLimit) {
  auto opened = Outbox::open(limit);
  CHECK(opened.ok());
  return std::move(opened).value();
}

// Collects records of a batch.
struct Batch {
  Bytes bytes;
  std::size_t count = 0;

  Batch& output(std::uint16_t channel, std::uint64_t number, const Bytes& data) {
    const std::size_t at = bytes.size();
    bytes.insert(bytes.end(), record_bytes(data.size()), 0);
    put_header(at, channel, number, data.size());
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at + 16));
    return *this;
  }

  Batch& sent(std::uint16_t channel, std::uint64_t number, const Bytes& data) {
    const std::size_t at = bytes.size();
    bytes.insert(bytes.end(), kSentRecordBytes, 0);
    put_header(at, channel, number, data.size());
    hotpair::store_little<std::uint32_t>(&bytes[at + 16], crc32c(data));
    return *this;
  }

  // Not inlined, because g++ 12 then takes the vector for still empty and warns of a write past it.
  [[gnu::noinline]] void put_header(std::size_t at, std::uint16_t channel, std::uint64_t number,
                                    std::size_t length) {
    hotpair::store_little<std::uint16_t>(&bytes[at], channel);
    hotpair::store_little<std::uint32_t>(&bytes[at + 4], static_cast<std::uint32_t>(length));
    hotpair::store_little<std::uint64_t>(&bytes[at + 8], number);
    ++count;
  }
};

inline Status produce(Outbox& outbox, const Batch& batch) {
  std::vector<std::uint32_t> digests(batch.count);
  return outbox.produce(batch.bytes, batch.count, digests);
}

inline Status peer_sent(Outbox& outbox, const Batch& batch) {
  return outbox.peer_sent(batch.bytes, batch.count);
}

// All pending outputs of a channel by repeated reads into a buffer of `room` bytes.
inline std::map<std::uint64_t, Bytes> read_pending(Outbox& outbox, std::uint16_t channel,
                                                   std::uint64_t from, std::size_t room) {
  std::map<std::uint64_t, Bytes> found;
  Bytes buffer(room);
  for (;;) {
    const std::int64_t written = outbox.pending(channel, from, buffer);
    if (written == 0) return found;
    if (written < 0) {
      buffer = Bytes(static_cast<std::size_t>(-written));
      continue;
    }
    auto rest = std::span<const std::uint8_t>(buffer).first(static_cast<std::size_t>(written));
    while (!rest.empty()) {
      const auto record = take_output(rest);
      CHECK(record.has_value() && record->channel == channel);
      EXPECT(found.empty() || found.rbegin()->first + 1 == record->number);
      found.emplace(record->number, Bytes(record->data.begin(), record->data.end()));
    }
    from = found.rbegin()->first + 1;
  }
}

inline void expect_status(Status actual, Status wanted) {
  EXPECT_EQ(static_cast<int>(actual), static_cast<int>(wanted));
}

}  // namespace hotpair::test
