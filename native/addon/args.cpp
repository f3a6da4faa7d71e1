// Checks of arguments; see args.hpp. Every refusal names the argument's position and what is
// wanted.
#include "addon/args.hpp"

#include <cmath>
#include <string>

namespace hotpair::addon {
namespace {

void refuse_type(const Napi::CallbackInfo& info, std::size_t index, const char* wanted) {
  const std::string message = "argument " + std::to_string(index) + " must be " + wanted;
  Napi::TypeError::New(info.Env(), message).ThrowAsJavaScriptException();
}

// The memory of a typed array of `type`, as `length` elements; nothing (and no exception)
// otherwise.
struct ArrayMemory {
  void* data = nullptr;
  std::size_t length = 0;
};

std::optional<ArrayMemory> array_memory(Napi::Env env, Napi::Value value,
                                        napi_typedarray_type type) {
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return {};
  ArrayMemory memory;
  napi_typedarray_type actual{};
  const napi_status status =
      napi_get_typedarray_info(env, value, &actual, &memory.length, &memory.data, nullptr, nullptr);
  if (status != napi_ok || actual != type) return {};
  // A detached array has length 0 and may have any address.
  if (memory.length == 0) memory.data = nullptr;
  return memory;
}

}  // namespace

std::optional<std::span<std::uint8_t>> bytes_of(Napi::Env env, Napi::Value value) {
  const auto memory = array_memory(env, value, napi_uint8_array);
  if (!memory) return {};
  return std::span(static_cast<std::uint8_t*>(memory->data), memory->length);
}

std::optional<std::span<std::uint8_t>> bytes_argument(const Napi::CallbackInfo& info,
                                                      std::size_t index) {
  const auto bytes = bytes_of(info.Env(), info[index]);
  if (!bytes) refuse_type(info, index, "a Uint8Array");
  return bytes;
}

std::optional<std::span<std::uint32_t>> words_argument(const Napi::CallbackInfo& info,
                                                       std::size_t index) {
  const auto memory = array_memory(info.Env(), info[index], napi_uint32_array);
  if (!memory) {
    refuse_type(info, index, "a Uint32Array");
    return {};
  }
  return std::span(static_cast<std::uint32_t*>(memory->data), memory->length);
}

std::optional<std::uint64_t> whole_argument(const Napi::CallbackInfo& info, std::size_t index,
                                            std::uint64_t least, std::uint64_t most) {
  double value = 0;
  if (napi_get_value_double(info.Env(), info[index], &value) != napi_ok) {
    refuse_type(info, index, "a number");
    return {};
  }
  // The comparison fails for NaN too.
  if (value >= static_cast<double>(least) && value <= static_cast<double>(most) &&
      std::trunc(value) == value) {
    return static_cast<std::uint64_t>(value);
  }
  const std::string message = "argument " + std::to_string(index) +
                              " must be a whole number from " + std::to_string(least) + " to " +
                              std::to_string(most);
  Napi::RangeError::New(info.Env(), message).ThrowAsJavaScriptException();
  return {};
}

}  // namespace hotpair::addon
