// The hello between server and unit: what one writes the other reads, and nothing else is read.
// Truncated, longer, later and damaged ones are each told for what they are.
#include "ipc/hello.hpp"

#include <cstring>

#include "harness.hpp"

using namespace hotpair::ipc;

namespace {

constexpr Hello kHello{Side::kUnit, 1, 4711, 0x1122334455667788, 0xaabbccdd00112233, 42};

}  // namespace

TEST(a_hello_comes_back_as_it_was_and_lies_as_described) {
  const auto bytes = encode_hello(kHello);
  const DecodedHello decoded = decode_hello(bytes);
  EXPECT(decoded.fault == HelloFault::kNone);
  EXPECT(decoded.hello == kHello);
  EXPECT_EQ(decoded.version, kIpcVersion);
  EXPECT(std::memcmp(bytes.data(), "hpIP", 4) == 0);
  EXPECT_EQ(bytes[6], 2);
  EXPECT_EQ(bytes[16], 0x88);
  EXPECT_EQ(bytes[24], 0x33);
}

TEST(every_other_length_is_malformed) {
  const auto bytes = encode_hello(kHello);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT(decode_hello(std::span(bytes).first(length)).fault == HelloFault::kMalformed);
  }
  std::vector<std::uint8_t> longer(bytes.begin(), bytes.end());
  longer.push_back(0);
  EXPECT(decode_hello(longer).fault == HelloFault::kMalformed);
}

TEST(another_version_is_named_whatever_follows) {
  const auto bytes = encode_hello(kHello);
  std::vector<std::uint8_t> later(bytes.begin(), bytes.end());
  later[4] = 9;
  later.resize(200, 0xff);
  const DecodedHello decoded = decode_hello(later);
  EXPECT(decoded.fault == HelloFault::kVersion);
  EXPECT_EQ(decoded.version, 9);
}

// Each bit says something; where it says nothing it must be zero.
TEST(every_flipped_bit_is_refused_or_changes_what_is_read) {
  for (std::size_t bit = 0; bit < kHelloBytes * 8; ++bit) {
    auto bytes = encode_hello(kHello);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    const DecodedHello decoded = decode_hello(bytes);
    EXPECT(decoded.fault != HelloFault::kNone || decoded.hello != kHello);
    if (decoded.fault == HelloFault::kNone) EXPECT(encode_hello(decoded.hello) == bytes);
  }
}

TEST(random_bytes_are_read_only_as_what_would_be_written) {
  std::mt19937_64 random(hotpair::test::seed());
  for (int i = 0; i < 20000; ++i) {
    auto bytes = encode_hello(kHello);
    for (std::uint64_t n = random() % 4; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    }
    const DecodedHello decoded = decode_hello(bytes);
    if (decoded.fault == HelloFault::kNone) EXPECT(encode_hello(decoded.hello) == bytes);
  }
}

TEST_MAIN()
