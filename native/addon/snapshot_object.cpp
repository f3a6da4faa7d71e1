// ChunkWriterHandle and ChunkReaderHandle: images as JavaScript sends and receives them; see
// lib/native/binding.ts.
//
// The writer reads JavaScript's own memory: it holds a reference, so that the image is not
// collected, and looks before each chunk whether the memory is still the same (an ArrayBuffer can
// be transferred away). The reader's staging belongs to C++ until take() hands it over as an
// external ArrayBuffer, unmapped when that is collected; where external buffers are not allowed,
// take() copies.
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "addon/addon.hpp"
#include "addon/args.hpp"
#include "addon/external_memory.hpp"
#include "addon/handle.hpp"
#include "addon/js_error.hpp"
#include "snapshot/chunk_layout.hpp"
#include "snapshot/chunk_reader.hpp"
#include "snapshot/chunk_writer.hpp"

namespace hotpair::addon {
namespace {

// 1 GiB: the length of a chunk is a 32-bit number, and one chunk is held in memory whole.
constexpr std::uint64_t kMostChunkBytes = std::uint64_t{1} << 30;

class ChunkWriterObject {
 public:
  static constexpr const char* kClassName = "ChunkWriterHandle";

  ChunkWriterObject(Napi::Object image, std::span<const std::uint8_t> bytes,
                    std::uint32_t chunk_bytes)
      : image_(Napi::Persistent(image)),
        bytes_(bytes),
        writer_(std::in_place, bytes, chunk_bytes) {}

  Napi::Value next(const Napi::CallbackInfo& info) {
    if (!writer_.has_value()) {
      throw_closed(info.Env(), "chunk writer");
      return {};
    }
    const auto into = bytes_argument(info, 0);
    if (!into) return {};
    if (!is_image_in_place(info.Env())) return {};
    if (into->size() < writer_->next_size()) {
      Napi::RangeError::New(info.Env(), "the buffer is smaller than the next chunk")
          .ThrowAsJavaScriptException();
      return {};
    }
    return Napi::Number::New(info.Env(), static_cast<double>(writer_->next(*into)));
  }

  Napi::Value close(const Napi::CallbackInfo&) {
    writer_.reset();
    image_.Reset();
    return {};
  }

 private:
  // False, with a TypeError pending, when the image was detached or resized since the writer was
  // opened.
  bool is_image_in_place(Napi::Env env) const {
    const std::optional<std::span<std::uint8_t>> bytes = bytes_of(env, image_.Value());
    if (bytes && bytes->data() == bytes_.data() && bytes->size() == bytes_.size()) return true;
    Napi::TypeError::New(env, "the image was detached or resized while it was being cut")
        .ThrowAsJavaScriptException();
    return false;
  }

  Napi::ObjectReference image_;
  // The image's memory when the writer was opened.
  std::span<const std::uint8_t> bytes_;
  // Nothing after close().
  std::optional<snapshot::ChunkWriter> writer_;
};

class ChunkReaderObject {
 public:
  static constexpr const char* kClassName = "ChunkReaderHandle";

  ChunkReaderObject(Napi::Env env, snapshot::ChunkReader reader, std::size_t image_bytes)
      : memory_(std::in_place, env, image_bytes), reader_(std::move(reader)) {}

  Napi::Value put(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    const auto chunk = bytes_argument(info, 0);
    if (!chunk) return {};
    return Napi::Number::New(info.Env(), static_cast<int>(reader_->put(*chunk)));
  }

  Napi::Value take(const Napi::CallbackInfo& info) {
    if (is_closed(info)) return {};
    if (!reader_->is_complete()) {
      Napi::RangeError::New(info.Env(), "the image cannot be taken before it is complete")
          .ThrowAsJavaScriptException();
      return {};
    }
    MappedRegion staging = reader_->take();
    release();
    return hand_over(info.Env(), std::move(staging));
  }

  Napi::Value close(const Napi::CallbackInfo&) {
    release();
    return {};
  }

 private:
  bool is_closed(const Napi::CallbackInfo& info) const {
    if (!reader_.has_value()) throw_closed(info.Env(), "chunk reader");
    return !reader_.has_value();
  }

  void release() {
    reader_.reset();
    memory_.reset();
  }

  static Napi::Value hand_over(Napi::Env env, MappedRegion staging) {
    const std::size_t size = staging.size();
    auto owner = std::make_unique<MappedRegion>(std::move(staging));
    napi_value buffer = nullptr;
    const napi_status status =
        napi_create_external_arraybuffer(env, owner->data(), size, &unmap, owner.get(), &buffer);
    if (status == napi_ok) {
      static_cast<void>(owner.release());
      return Napi::Uint8Array::New(env, size, Napi::ArrayBuffer(env, buffer), 0);
    }
    Napi::Uint8Array copy = Napi::Uint8Array::New(env, size);
    if (!env.IsExceptionPending()) std::memcpy(copy.Data(), owner->data(), size);
    return copy;
  }

  static void unmap(napi_env, void*, void* owner) {
    std::unique_ptr<MappedRegion>(static_cast<MappedRegion*>(owner)).reset();
  }

  // Both nothing after close() and take(): V8 counts an external ArrayBuffer by itself.
  std::optional<ExternalMemory> memory_;
  std::optional<snapshot::ChunkReader> reader_;
};

Napi::Value open_chunk_writer(const Napi::CallbackInfo& info) {
  const auto image = bytes_argument(info, 0);
  if (!image) return {};
  const auto chunk_bytes = whole_argument(info, 1, 1, kMostChunkBytes);
  if (!chunk_bytes) return {};
  auto object = std::make_unique<ChunkWriterObject>(info[0].As<Napi::Object>(), *image,
                                                    static_cast<std::uint32_t>(*chunk_bytes));
  return Handle<ChunkWriterObject>::open(info.Env(), AddonData::of(info.Env()).chunk_writer_class,
                                         std::move(object));
}

Napi::Value open_chunk_reader(const Napi::CallbackInfo& info) {
  const auto image_bytes = whole_argument(info, 0, 1, kMaxSafeInteger);
  if (!image_bytes) return {};
  Result<snapshot::ChunkReader> opened = snapshot::ChunkReader::open(*image_bytes);
  if (!opened.ok()) {
    throw_error(info.Env(), opened.error());
    return {};
  }
  auto object = std::make_unique<ChunkReaderObject>(info.Env(), std::move(opened).value(),
                                                    static_cast<std::size_t>(*image_bytes));
  return Handle<ChunkReaderObject>::open(info.Env(), AddonData::of(info.Env()).chunk_reader_class,
                                         std::move(object));
}

void set_fact(Napi::Object facts, const char* name, double value) {
  facts[name] = Napi::Number::New(facts.Env(), value);
}

}  // namespace

void register_snapshot(Napi::Env env, Napi::Object exports, Napi::Object facts) {
  using Writer = Handle<ChunkWriterObject>;
  using Reader = Handle<ChunkReaderObject>;
  AddonData& data = AddonData::of(env);
  data.chunk_writer_class =
      Writer::define(env, {
                              Writer::method<&ChunkWriterObject::next>("next"),
                              Writer::method<&ChunkWriterObject::close>("close"),
                          });
  data.chunk_reader_class =
      Reader::define(env, {
                              Reader::method<&ChunkReaderObject::put>("put"),
                              Reader::method<&ChunkReaderObject::take>("take"),
                              Reader::method<&ChunkReaderObject::close>("close"),
                          });
  exports["openChunkWriter"] = Napi::Function::New<open_chunk_writer>(env, "openChunkWriter");
  exports["openChunkReader"] = Napi::Function::New<open_chunk_reader>(env, "openChunkReader");

  Napi::Object layout = Napi::Object::New(env);
  set_fact(layout, "chunkHeaderBytes", snapshot::kChunkHeaderBytes);
  set_fact(layout, "ok", static_cast<double>(snapshot::PutStatus::kOk));
  set_fact(layout, "complete", static_cast<double>(snapshot::PutStatus::kComplete));
  set_fact(layout, "corrupt", static_cast<double>(snapshot::PutStatus::kCorrupt));
  set_fact(layout, "overlap", static_cast<double>(snapshot::PutStatus::kOverlap));
  set_fact(layout, "outside", static_cast<double>(snapshot::PutStatus::kOutside));
  layout.Freeze();
  facts["snapshot"] = layout;
}

}  // namespace hotpair::addon
