// Handle<T>: a C++ object that JavaScript holds and calls.
//
// A method may be called with any receiver (`handle.close.call({})`), and unwrapping a foreign
// object would take one type for another. So every object carries a tag that is drawn per class and
// per load of the addon, and each method checks it before it unwraps: a foreign receiver is a
// TypeError. napi's ObjectWrap is not used because it unwraps first.
//
// Objects are born in open functions only (`Handle<T>::open`); `new handle.constructor()` is a
// TypeError. T must have a static constexpr const char* kClassName, be movable into a unique_ptr
// and may be destroyed by the garbage collector at any time on the JavaScript thread, or when its
// environment ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "addon/addon.hpp"
#include "addon/napi_clean.hpp"

namespace hotpair::addon {

template <typename T>
class Handle {
 public:
  using Method = Napi::Value (T::*)(const Napi::CallbackInfo&);

  // A method of the class: `Handle<T>::method<&T::close>("close", 0)`.
  template <Method kMethod>
  static napi_property_descriptor method(const char* name) {
    napi_property_descriptor descriptor{};
    descriptor.utf8name = name;
    descriptor.method = &call<kMethod>;
    descriptor.attributes = napi_default_method;
    return descriptor;
  }

  // A property of the class that is read by calling `kMethod`.
  template <Method kMethod>
  static napi_property_descriptor getter(const char* name) {
    napi_property_descriptor descriptor{};
    descriptor.utf8name = name;
    descriptor.getter = &call<kMethod>;
    descriptor.attributes = napi_enumerable;
    return descriptor;
  }

  // Makes the class; the caller keeps it in AddonData.
  template <std::size_t kCount>
  static Napi::FunctionReference define(Napi::Env env,
                                        const napi_property_descriptor (&members)[kCount]) {
    napi_value constructor = nullptr;
    const napi_status status = napi_define_class(env, T::kClassName, NAPI_AUTO_LENGTH, &construct,
                                                 nullptr, kCount, members, &constructor);
    NAPI_THROW_IF_FAILED(env, status, Napi::FunctionReference());
    return Napi::Persistent(Napi::Function(env, constructor));
  }

  // Hands `object` over to a new JavaScript object of `constructor`.
  static Napi::Value open(Napi::Env env, const Napi::FunctionReference& constructor,
                          std::unique_ptr<T> object) {
    AddonData& data = AddonData::of(env);
    data.being_born = &object;
    Napi::Value made = constructor.New({});
    data.being_born = nullptr;
    return made;
  }

 private:
  // The address of this variable is different in each load of the addon into a process.
  static inline const char load_mark = 0;

  static napi_type_tag tag() {
    return {0x686f'7470'6169'7200, reinterpret_cast<std::uintptr_t>(&load_mark)};
  }

  static napi_value construct(napi_env raw_env, napi_callback_info raw_info) {
    Napi::CallbackInfo info(raw_env, raw_info);
    const Napi::Env env(raw_env);
    auto* born = static_cast<std::unique_ptr<T>*>(AddonData::of(env).being_born);
    AddonData::of(env).being_born = nullptr;
    if (born == nullptr) {
      const std::string message = std::string(T::kClassName) + " cannot be constructed by new";
      Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
      return nullptr;
    }
    const napi_type_tag type_tag = tag();
    if (napi_wrap(env, info.This(), born->get(), &collect, nullptr, nullptr) == napi_ok) {
      static_cast<void>(born->release());
      napi_type_tag_object(env, info.This(), &type_tag);
    }
    return info.This();
  }

  static void collect(napi_env, void* object, void*) {
    std::unique_ptr<T>(static_cast<T*>(object)).reset();
  }

  template <Method kMethod>
  static napi_value call(napi_env raw_env, napi_callback_info raw_info) {
    Napi::CallbackInfo info(raw_env, raw_info);
    T* self = receiver(info);
    if (self == nullptr) return nullptr;
    return (self->*kMethod)(info);
  }

  // The object behind the receiver, or null with a TypeError pending.
  static T* receiver(const Napi::CallbackInfo& info) {
    const napi_type_tag type_tag = tag();
    bool is_ours = false;
    void* object = nullptr;
    if (napi_check_object_type_tag(info.Env(), info.This(), &type_tag, &is_ours) == napi_ok &&
        is_ours && napi_unwrap(info.Env(), info.This(), &object) == napi_ok) {
      return static_cast<T*>(object);
    }
    // A receiver that is no object leaves an exception of Node-API itself pending.
    if (!info.Env().IsExceptionPending()) {
      const std::string message = std::string("the receiver is no ") + T::kClassName;
      Napi::TypeError::New(info.Env(), message).ThrowAsJavaScriptException();
    }
    return nullptr;
  }
};

}  // namespace hotpair::addon
