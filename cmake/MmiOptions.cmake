# One place for language level, warnings and compiler caches.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_NOHASHDIR=1
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(mmi_flags INTERFACE)
target_compile_options(mmi_flags INTERFACE -Wall -Wextra -Werror -Wno-unused-parameter)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # A time stamp inside the precompiled header would defeat ccache.
  # libstdc++ 12's own std::stable_sort uses what it declares deprecated.
  target_compile_options(mmi_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp" -Wno-deprecated-declarations)
else()
  target_compile_options(mmi_flags INTERFACE -fpch-preprocess)
endif()
if(MMI_SANITIZE)
  add_compile_options(-fsanitize=${MMI_SANITIZE} -fno-sanitize-recover=all -g -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MMI_SANITIZE})
  if(MMI_TORCH)
    # LibTorch's types are known by their hidden twins only.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
if(MMI_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
