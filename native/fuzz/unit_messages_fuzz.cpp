// Fuzzes the messages between server and unit: header, hello, open, opened, refused. What is taken
// says the same when it is written again, and a pair that is to be opened can be.
#include <algorithm>

#include "fuzz_input.hpp"
#include "ipc/hello.hpp"
#include "ipc/message_layout.hpp"
#include "unit/unit_messages.hpp"

namespace hotpair::fuzz {
namespace {

using namespace unit;

void read_header(Input& input) {
  const Bytes bytes = input.bytes(ipc::kMessageHeaderBytes);
  const auto header = ipc::decode(bytes);
  if (!header) return;
  CHECK(header->length <= ipc::kMostPayloadBytes);
  CHECK(header->descriptor_count <= ipc::kMostDescriptors);
  CHECK(std::ranges::equal(ipc::encode(*header), bytes));
}

void read_hello(Input& input) {
  ipc::Hello hello;
  hello.pid = hello.member + 1;
  hello.incarnation = 5;
  const auto good = ipc::encode_hello(hello);
  Bytes bytes(good.begin(), good.end());
  if (input.flag()) damage(input, bytes);
  if (input.flag()) bytes = input.bytes(input.below(64));
  const auto decoded = ipc::decode_hello(bytes);
  if (decoded.fault != ipc::HelloFault::kNone) return;
  CHECK(std::ranges::equal(ipc::encode_hello(decoded.hello), bytes));
}

heartbeat::PairConfig config(Input& input) {
  heartbeat::PairConfig made;
  made.pair = input.number<std::uint16_t>();
  made.incarnation = 1 + input.byte();
  made.timing = {Nanos::millis(1 + input.byte()), Nanos::millis(input.number<std::uint16_t>()),
                 Nanos::millis(10 + input.byte())};
  made.self = input.byte() % 2;
  made.known = input.byte();
  for (std::size_t count = 1 + input.below(heartbeat::kMostLinks); count > 0; --count) {
    const auto self = *heartbeat::parse_address("127.0.0.1", input.byte());
    const auto peer = *heartbeat::parse_address("::1", input.byte());
    made.links.push_back({self, {peer, self}});
  }
  return made;
}

void read_open(Input& input) {
  Bytes bytes = input.bytes(input.below(2 * kOpenBytes));
  if (input.flag()) {
    const auto good = encode_open(config(input));
    bytes.assign(good.begin(), good.end());
    damage(input, bytes);
  }
  const auto decoded = decode_open(bytes);
  if (!decoded) return;
  // What BeatPair::open demands.
  CHECK(decoded->timing.is_sound() && decoded->self <= 1 && decoded->incarnation != 0);
  CHECK(decoded->links.size() >= 1 && decoded->links.size() <= heartbeat::kMostLinks);
  for (const heartbeat::LinkConfig& link : decoded->links) {
    CHECK(link.self.length <= sizeof link.self.bytes);
    static_cast<void>(heartbeat::port_of(link.self));
  }
  const auto written = encode_open(*decoded);
  const auto again = decode_open(written);
  CHECK(again.has_value() && encode_open(*again) == written);
}

void read_answers(Input& input) {
  const Bytes bytes = input.bytes(input.below(16));
  if (const auto former = decode_opened(bytes)) {
    CHECK(std::ranges::equal(encode_opened(*former), bytes));
  }
  if (const auto refusal = decode_refused(bytes)) {
    CHECK(std::ranges::equal(encode_refused(*refusal), bytes));
    CHECK(error_of(*refusal).action[0] != '\0');
  }
}

void run(Input input) {
  switch (input.below(4)) {
    case 0:
      return read_header(input);
    case 1:
      return read_hello(input);
    case 2:
      return read_open(input);
    default:
      return read_answers(input);
  }
}

}  // namespace
}  // namespace hotpair::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotpair::fuzz::run({data, size});
  return 0;
}
