// The names of the error codes, made of the one list in error_code.def.
// The switch has no default, so that a code added there without a name does not compile.
#include "base/result.hpp"

namespace hotpair {

const char* error_name(ErrorCode code) noexcept {
  switch (code) {
#define HOTPAIR_ERROR(enumerator, name) \
  case ErrorCode::enumerator:           \
    return name;
#include "base/error_code.def"
  }
  check_failed("an ErrorCode is one of error_code.def", __FILE__, __LINE__);
}

}  // namespace hotpair
