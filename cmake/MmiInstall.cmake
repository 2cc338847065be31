# Two layouts of the same files. The component "wheel" lies below site-packages/mmi (pip, scripts/setup.sh); everything
# else is a plain prefix: cmake --install build/release --prefix DIR. Both answer find_package(mmi).
include(CMakePackageConfigHelpers)
set(mmi_rpath "$ORIGIN")
if(MMI_TORCH)
  list(APPEND mmi_rpath "$ORIGIN/../../torch/lib" "${TORCH_INSTALL_PREFIX}/lib")
endif()
set_target_properties(mmi PROPERTIES INSTALL_RPATH "${mmi_rpath}")

configure_file(${CMAKE_CURRENT_LIST_DIR}/mmiConfig.cmake.in ${CMAKE_BINARY_DIR}/cmake/mmiConfig.cmake @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cmake/mmiConfigVersion.cmake COMPATIBILITY SameMinorVersion)

function(mmi_install lib include share)
  install(TARGETS mmi LIBRARY DESTINATION ${lib} ${ARGN})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/mmi DESTINATION ${include} ${ARGN} FILES_MATCHING PATTERN "*.h")
  install(FILES ${CMAKE_BINARY_DIR}/cmake/mmiConfig.cmake ${CMAKE_BINARY_DIR}/cmake/mmiConfigVersion.cmake
          DESTINATION ${lib}/cmake/mmi ${ARGN})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/configs DESTINATION ${share} ${ARGN})
endfunction()

mmi_install(lib include share/mmi)
if(TARGET mmi_cmd)
  install(TARGETS mmi_cmd RUNTIME DESTINATION bin)
endif()

if(TARGET _mmi)
  set(wheel COMPONENT wheel EXCLUDE_FROM_ALL)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/python/mmi/_build_info.py
       CONTENT "version = \"@PROJECT_VERSION@\"\ntorch_version = \"@MMI_TORCH_VERSION@\"\n" @ONLY)
  mmi_install(mmi/lib mmi/include mmi ${wheel})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/python/mmi DESTINATION . ${wheel} PATTERN "__pycache__" EXCLUDE)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/python/mmi DESTINATION . ${wheel} FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi")
  install(TARGETS _mmi LIBRARY DESTINATION mmi ${wheel})
  set_target_properties(_mmi PROPERTIES INSTALL_RPATH "$ORIGIN/lib;$ORIGIN/../torch/lib;${TORCH_INSTALL_PREFIX}/lib")
  if(SKBUILD AND TARGET mmi_cmd)
    install(TARGETS mmi_cmd RUNTIME DESTINATION ${SKBUILD_SCRIPTS_DIR} ${wheel})
  endif()
endif()
