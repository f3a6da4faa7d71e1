// The packet codec: what is encoded comes back, and nothing else is taken: no truncation, no single
// flipped bit, no other pair, no other key.
#include "heartbeat/beat_codec.hpp"

#include <algorithm>
#include <vector>

#include "harness.hpp"

using namespace hotpair;
using namespace hotpair::heartbeat;

namespace {

constexpr std::uint64_t kPair = 0x0123'4567'89ab'cdef;
const BeatKeys kKeys = {SipKey{11, 12}, SipKey{13, 14}};

Beat example(std::uint8_t sender) {
  Beat beat;
  beat.kind = BeatKind::kProbe;
  beat.sender = sender;
  beat.link = 3;
  beat.pair = kPair;
  beat.incarnation = 0xffff'0000'1111'2222;
  beat.seq = 0x8000'0000'0000'0001;
  beat.sent_at = 77;
  beat.echo = {5, 6, -7, 8};
  beat.vouch_age_ms = 9;
  beat.flags = flag::kBusy | flag::kRegular;
  beat.in_frame = 0x0102'0304'0506'0708;
  beat.beat_no = 0x1112'1314'1516'1718;
  for (std::size_t i = 0; i < kPresenceBytes; ++i) {
    beat.presence[i] = static_cast<std::uint8_t>(i + 1);
  }
  beat.counters.fill(0xcc);
  return beat;
}

PacketBytes encoded(const Beat& beat) {
  PacketBytes bytes;
  encode(beat, kKeys, bytes);
  return bytes;
}

// Seals what was changed, so that only the check behind the MAC can refuse it.
void seal(PacketBytes& bytes) {
  const auto covered = std::span<const std::uint8_t>(bytes).first(layout::kMac);
  const std::uint64_t mac = siphash24(kKeys[bytes[layout::kSender]], covered);
  for (unsigned i = 0; i < 8; ++i) {
    bytes[layout::kMac + i] = static_cast<std::uint8_t>(mac >> (8 * i));
  }
}

}  // namespace

TEST(every_field_comes_back) {
  for (std::uint8_t sender = 0; sender < 2; ++sender) {
    const Beat sent = example(sender);
    Beat got;
    REQUIRE(decode(encoded(sent), kPair, kKeys, got) == Decoded::kOk);
    EXPECT(got.kind == sent.kind && got.sender == sent.sender && got.link == sent.link);
    EXPECT(got.pair == sent.pair && got.incarnation == sent.incarnation && got.seq == sent.seq);
    EXPECT(got.sent_at == sent.sent_at && got.vouch_age_ms == sent.vouch_age_ms);
    EXPECT(got.echo.incarnation == 5 && got.echo.seq == 6);
    EXPECT(got.echo.sent_at == -7 && got.echo.held == 8);
    EXPECT(got.flags == sent.flags && got.in_frame == sent.in_frame);
    EXPECT_EQ(got.beat_no, sent.beat_no);
    EXPECT(got.presence == sent.presence && got.counters == sent.counters);
  }
}

TEST(the_bytes_stand_where_the_picture_says) {
  const PacketBytes bytes = encoded(example(1));
  const std::uint8_t head[] = {'H', 'P', 'B', '1', kVersion, 2, 1, 3, 0xef, 0xcd};
  EXPECT(std::equal(std::begin(head), std::end(head), bytes.begin()));
  EXPECT_EQ(bytes[24], 0x01);
  EXPECT_EQ(bytes[31], 0x80);
  EXPECT_EQ(bytes[72], 9);
  EXPECT_EQ(bytes[80], 1);
  EXPECT_EQ(bytes[207], 128);
  EXPECT_EQ(bytes[208], 0xcc);
  EXPECT_EQ(bytes[76], 3);
  EXPECT_EQ(bytes[240], 8);
  EXPECT_EQ(bytes[255], 0x11);
  EXPECT(std::all_of(bytes.begin() + 256, bytes.begin() + 264, [](auto b) { return b == 0; }));
}

TEST(every_truncation_and_every_extension_is_refused) {
  const PacketBytes bytes = encoded(example(0));
  Beat beat;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT(decode(std::span(bytes).first(size), kPair, kKeys, beat) == Decoded::kMalformed);
  }
  std::vector<std::uint8_t> longer(bytes.begin(), bytes.end());
  longer.push_back(0);
  EXPECT(decode(longer, kPair, kKeys, beat) == Decoded::kMalformed);
  EXPECT_EQ(beat.seq, 0u);
}

TEST(every_single_flipped_bit_is_refused) {
  const PacketBytes bytes = encoded(example(0));
  Beat beat;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    PacketBytes flipped = bytes;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
    EXPECT(decode(flipped, kPair, kKeys, beat) != Decoded::kOk);
  }
  EXPECT_EQ(beat.seq, 0u);
}

TEST(another_pair_is_told_from_another_key) {
  const PacketBytes bytes = encoded(example(0));
  Beat beat;
  EXPECT(decode(bytes, kPair + 1, kKeys, beat) == Decoded::kOtherPair);
  EXPECT(decode(bytes, kPair, {SipKey{11, 13}, SipKey{13, 14}}, beat) == Decoded::kBadMac);
  // The key of the other direction is another key.
  EXPECT(decode(bytes, kPair, {kKeys[1], kKeys[0]}, beat) == Decoded::kBadMac);
}

TEST(what_is_sealed_and_yet_wrong_is_malformed) {
  const auto refused = [](std::size_t at, std::size_t count, std::uint8_t value) {
    PacketBytes bytes = encoded(example(0));
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), count, value);
    seal(bytes);
    Beat beat;
    return decode(bytes, kPair, kKeys, beat) == Decoded::kMalformed;
  };
  EXPECT(refused(layout::kKind, 1, 0));
  EXPECT(refused(layout::kKind, 1, 5));
  EXPECT(refused(layout::kIncarnation, 8, 0));
  EXPECT(refused(layout::kSeq, 8, 0));
  EXPECT(refused(layout::kFlags, 1, 8));
  EXPECT(refused(layout::kFlags + 3, 1, 0x80));
  EXPECT(refused(layout::kZeroTail, 1, 1));
  EXPECT(refused(layout::kMac - 1, 1, 1));
  // The seal itself is right: an unchanged packet passes it.
  EXPECT(!refused(layout::kLink, 1, 3));
}

TEST_MAIN()
