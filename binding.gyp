# What users get: one addon, built from the sources that native/sources.txt lists.
# Flags are the same as in CMakeLists.txt; test/agree/build-files.test.ts compares them.
{
  "targets": [{
    "target_name": "hotpair",
    "sources": ["<!@(node native/sources.cjs)"],
    "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS",
      "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": [
      "-std=c++20", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-fvisibility-inlines-hidden",
      "-ffunction-sections", "-fdata-sections",
      "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wimplicit-fallthrough", "-Werror=switch"
    ],
    "conditions": [
      ["OS=='linux'", {
        "ldflags": ["-Wl,--gc-sections", "-Wl,-z,relro,-z,now", "-Wl,--version-script=<(module_root_dir)/native/exports.map"]
      }],
      ["OS=='mac'", { "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
        "CLANG_CXX_LIBRARY": "libc++",
        "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
        "GCC_ENABLE_CPP_RTTI": "NO",
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "GCC_INLINES_ARE_PRIVATE_EXTERN": "YES",
        "DEAD_CODE_STRIPPING": "YES"
      } }]
    ]
  }]
}
