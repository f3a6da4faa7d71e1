// Fuzzes the packets of the beats, behind their MAC too: what is taken is what encode() writes, and
// nothing that was refused changes the beat that was given.
#include <algorithm>

#include "fuzz_input.hpp"
#include "heartbeat/beat_codec.hpp"

namespace hotpair::fuzz {
namespace {

using namespace heartbeat;

constexpr std::uint64_t kPairDigest = 0x0123'4567'89ab'cdef;
constexpr BeatKeys kKeys = {SipKey{11, 12}, SipKey{13, 14}};

// Puts in what no fuzzer can guess: the marks of a packet of this pair, and its MAC.
void seal(Bytes& bytes) {
  store_little<std::uint32_t>(&bytes[layout::kMagic], kMagic);
  bytes[layout::kVersion] = kVersion;
  bytes[layout::kSender] %= 2;
  store_little<std::uint64_t>(&bytes[layout::kPair], kPairDigest);
  const auto covered = std::span<const std::uint8_t>(bytes).first(layout::kMac);
  store_little(&bytes[layout::kMac], siphash24(kKeys[bytes[layout::kSender]], covered));
}

void run(Input input) {
  const bool is_sealed = input.flag();
  Bytes bytes = input.bytes(is_sealed ? kPacketBytes : input.below(2 * kPacketBytes));
  if (is_sealed) seal(bytes);
  Beat beat;
  beat.seq = 77;
  if (decode(bytes, kPairDigest, kKeys, beat) != Decoded::kOk) {
    CHECK(beat.seq == 77 && beat.incarnation == 0);
    return;
  }
  CHECK(beat.pair == kPairDigest && beat.incarnation != 0 && beat.seq != 0);
  PacketBytes again;
  encode(beat, kKeys, again);
  CHECK(std::ranges::equal(again, bytes));
}

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::run({data, size});
  return 0;
}
