// Receives a load into its staging; see arrival.hpp.
#include "snapshot/arrival.hpp"

#include <array>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/little_endian.hpp"

namespace hotpair::snapshot {
namespace {

Error refusal(const char* why) noexcept { return {ErrorCode::kNative, why}; }

}  // namespace

Result<std::unique_ptr<Arrival>> Arrival::start(Staging& staging, const PageHash& hash,
                                                UniqueFd socket, const ArrivalOptions& options,
                                                Bell bell) {
  CHECK(!staging.memory.empty() && staging.memory.size() % kPageBytes == 0);
  CHECK(options.live.empty() || options.live.size() == staging.memory.size());
  CHECK((options.basis == Basis::kChanged) == (options.mark != nullptr));
  CHECK(options.basis != Basis::kChanged || !options.live.empty());
  CHECK(options.known == nullptr || !options.live.empty());
  Result<std::unique_ptr<Stream>> stream = Stream::open(std::move(socket));
  if (!stream.ok()) return stream.error();
  auto arrival = std::make_unique<Arrival>(staging, hash, options, bell, std::move(stream).value());
  Result<Thread> thread = Thread::start("hotpair-arrival", &Arrival::run, arrival.get());
  if (!thread.ok()) return thread.error();
  arrival->thread_.emplace(std::move(thread).value());
  return arrival;
}

Arrival::Arrival(Staging& staging, const PageHash& hash, const ArrivalOptions& options, Bell bell,
                 std::unique_ptr<Stream> stream)
    : staging_(staging),
      hash_(hash),
      options_(options),
      bell_(bell),
      stream_(std::move(stream)),
      mark_(options.mark != nullptr ? options.mark->number : 0),
      changed_(staging.held.page_count()),
      known_(hash, staging.held.page_count()) {
  if (options.known != nullptr) known_.assign(*options.known);
  if (options.mark != nullptr) changed_.add_all_of(options.mark->changed);
}

Arrival::~Arrival() {
  if (!thread_.has_value()) return;
  // A complete one has at most its short confirmation left to say.
  if (phase() != ArrivalPhase::kComplete) cancel();
  thread_->join();
}

void Arrival::run(void* self) {
  auto& arrival = *static_cast<Arrival*>(self);
  const Result<void> arrived = arrival.arrive();
  if (!arrived.ok()) {
    arrival.failure_ = arrived.error();
    arrival.stream_->end();
    arrival.enter(ArrivalPhase::kFailed);
  }
  arrival.bell_();
}

void Arrival::enter(ArrivalPhase phase) noexcept {
  phase_.store(phase, std::memory_order_release);  // pairs with the acquire in phase()
}

Result<void> Arrival::arrive() noexcept {
  if (Result<void> greeted = greet(); !greeted.ok()) return greeted;
  for (;;) {
    MoveHeader header;
    if (Result<void> got = stream_->receive(header); !got.ok()) return got;
    const std::optional<Packet> packet = read_packet(header);
    if (!packet) return refusal("receiving a load: what came is no packet");
    switch (packet->kind) {
      case PacketKind::kBytes:
      case PacketKind::kZeros:
        if (Result<void> taken = take_pages(header, *packet); !taken.ok()) return taken;
        break;
      case PacketKind::kEnd:
        return end(header, *packet);
      case PacketKind::kWant:
      case PacketKind::kDone:
        return refusal("receiving a load: the sender speaks as a receiver");
    }
  }
}

Result<void> Arrival::digest_live(const PageSet& but) noexcept {
  for (PageRange run = known_.stale.next(0, 1); run.count > 0;
       run = known_.stale.next(run.first + 1, 1)) {
    if (stream_->is_cancelled()) return Stream::cancelled();
    if (!but.contains(run.first)) known_.racing(options_.live, run.first);
  }
  return {};
}

Result<void> Arrival::digest_basis(PageSet& held) noexcept {
  held.add_all_of(staging_.held);
  if (!options_.live.empty()) {
    if (Result<void> digested = digest_live(held); !digested.ok()) return digested;
  }
  for (PageRange run = held.next(0, 1); run.count > 0; run = held.next(run.first + 1, 1)) {
    if (stream_->is_cancelled()) return Stream::cancelled();
    const auto page = staging_.memory.subspan(run.first * kPageBytes).first<kPageBytes>();
    known_.set(run.first, hash_.digest(page));
  }
  if (!options_.live.empty()) held.add_all();
  return {};
}

Result<void> Arrival::greet() {
  PageSet bits(staging_.held.page_count());
  switch (options_.basis) {
    case Basis::kNothing:
      staging_.held.clear();
      break;
    case Basis::kDigests:
      if (Result<void> digested = digest_basis(bits); !digested.ok()) return digested;
      break;
    case Basis::kChanged:
      staging_.held.clear();
      bits.add_all_of(changed_);
      if (Result<void> digested = digest_live(changed_); !digested.ok()) return digested;
      break;
  }
  std::vector<std::uint8_t> body(kWantBytes);
  write_want(std::span(body).first<kWantBytes>(),
             {staging_.memory.size(), options_.load, hash_.zero_digest(), mark_, options_.basis});
  if (options_.basis != Basis::kNothing) {
    body.resize(kWantBytes + bits.byte_count());
    bits.write_to(std::span(body).subspan(kWantBytes));
  }
  if (options_.basis == Basis::kDigests) {
    std::size_t at = body.size();
    body.resize(at + 8 * bits.size());
    for (PageRange run = bits.next(0, 1); run.count > 0; run = bits.next(run.first + 1, 1)) {
      store_little(&body[at], known_.digests.page(run.first));
      at += 8;
    }
  }
  MoveHeader header;
  seal_packet(header, {PacketKind::kWant, 0, static_cast<std::uint32_t>(body.size())}, body);
  count(progress_.bytes, header.size() + body.size());
  if (Result<void> sent = stream_->send(header); !sent.ok()) return sent;
  return stream_->send(body);
}

Result<void> Arrival::take_pages(const MoveHeader& header, const Packet& packet) noexcept {
  const std::optional<PageRange> pages = pages_of(packet, staging_.held.page_count());
  if (!pages) return refusal("receiving a load: a packet lies outside of the region");
  const auto bytes = staging_.memory.subspan(pages->first * kPageBytes, pages->count * kPageBytes);
  // From the first byte on they are no longer what they were.
  staging_.held.remove(*pages);
  std::array<std::uint8_t, 8 * kMostChunkPages> digests;
  std::size_t summed = 0;
  if (packet.kind == PacketKind::kBytes) {
    if (Result<void> got = stream_->receive(bytes); !got.ok()) return got;
    for (std::size_t i = 0; i < pages->count; ++i) {
      const auto page = std::span<const std::uint8_t>(bytes).subspan(i * kPageBytes);
      store_little(&digests[summed], hash_.digest(page.first<kPageBytes>()));
      summed += 8;
    }
  } else {
    std::memset(bytes.data(), 0, bytes.size());
  }
  if (!has_body_sum(header, std::span(digests).first(summed))) {
    return refusal("receiving a load: the check sum of a packet is wrong");
  }
  for (std::size_t i = 0; i < pages->count; ++i) {
    const bool is_zero = summed == 0;
    known_.set(pages->first + i,
               is_zero ? hash_.zero_digest() : load_little<std::uint64_t>(&digests[8 * i]));
  }
  staging_.held.add(*pages);
  show(progress_.rounds, packet.round);
  count(progress_.pages, pages->count);
  count(progress_.bytes, kMoveHeaderBytes + (summed == 0 ? 0 : bytes.size()));
  return {};
}

Result<void> Arrival::end(const MoveHeader& header, const Packet& packet) noexcept {
  if (packet.length != kEndBytes) return refusal("ending a load: its end is no such packet");
  std::array<std::uint8_t, kEndBytes> body;
  if (Result<void> got = stream_->receive(body); !got.ok()) return got;
  if (!has_body_sum(header, body)) {
    return refusal("ending a load: the check sum of its end is wrong");
  }
  if (load_little<std::uint64_t>(&body[8]) != staging_.held.page_count() ||
      !known_.stale.is_empty() || (options_.live.empty() && !staging_.is_whole())) {
    return refusal("ending a load: pages are missing");
  }
  if (load_little<std::uint64_t>(&body[0]) != known_.whole()) {
    return refusal("ending a load: its digest is not that of the sender");
  }
  std::array<std::uint8_t, kMoveHeaderBytes + kDoneBytes> done;
  const auto digest = std::span(done).subspan<kMoveHeaderBytes>();
  store_little(&digest[0], known_.whole());
  seal_packet(std::span(done).first<kMoveHeaderBytes>(), {PacketKind::kDone, 0, kDoneBytes},
              digest);
  // Before it is confirmed: whoever hears of that finds it complete. Whether the confirmation comes
  // through is the sender's concern.
  enter(ArrivalPhase::kComplete);
  static_cast<void>(stream_->send(done));
  return {};
}

void Staging::touch() noexcept {
  for (std::size_t at = 0; at < memory.size(); at += kPageBytes) {
    // A write that changes nothing. relaxed: it orders nothing.
    static_cast<void>(__atomic_fetch_or(&memory[at], std::uint8_t{0}, __ATOMIC_RELAXED));
  }
}

void apply_staging(Staging& staging, std::span<std::uint8_t> live) noexcept {
  CHECK(live.size() == staging.memory.size());
  const PageSet& held = staging.held;
  for (PageRange run = held.next(0, held.page_count()); run.count > 0;
       run = held.next(run.first + run.count, held.page_count())) {
    const std::size_t at = run.first * kPageBytes;
    std::memcpy(live.data() + at, staging.memory.data() + at, run.count * kPageBytes);
  }
  staging.held.clear();
}

}  // namespace hotpair::snapshot
