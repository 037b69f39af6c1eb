# The three kinds of target in this project. No globs: every source is named where it is built.

# Compiler settings shared by our own code (generated code does not link this).
add_library(berth_settings INTERFACE)
target_compile_features(berth_settings INTERFACE cxx_std_20)
target_compile_options(berth_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports moved-from alternatives of std::variant and std::optional as uninitialised when it optimises
  # (gcc.gnu.org PR 105562, PR 105593); clang-tidy and the sanitizers look for the real ones.
  target_compile_options(berth_settings INTERFACE -Wno-maybe-uninitialized)
endif()
if(BERTH_SANITIZE)
  # CAF 0.17.6 binds null references in init_fun_factory.hpp: UBSan's null check is off.
  target_compile_options(berth_settings INTERFACE
    -fsanitize=${BERTH_SANITIZE} -fno-sanitize=null -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(berth_settings INTERFACE -fsanitize=${BERTH_SANITIZE})
endif()
if(BERTH_COVERAGE)
  target_compile_options(berth_settings INTERFACE --coverage)
  target_link_options(berth_settings INTERFACE --coverage)
endif()

# berth_add_module(NAME model HDRS a.hpp ... SRCS a.cpp ... DEPS berth::x ... PRIVATE_DEPS lib ...)
# One static library per folder: target berth_<NAME>, alias berth::<NAME>.
function(berth_add_module)
  cmake_parse_arguments(M "" "NAME" "HDRS;SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(berth_${M_NAME} STATIC)
  add_library(berth::${M_NAME} ALIAS berth_${M_NAME})
  target_sources(berth_${M_NAME}
    PRIVATE ${M_SRCS}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${M_HDRS})
  target_include_directories(berth_${M_NAME} PUBLIC ${PROJECT_BINARY_DIR}) # generated headers
  target_link_libraries(berth_${M_NAME} PUBLIC berth_settings ${M_DEPS} PRIVATE ${M_PRIVATE_DEPS})
  set_target_properties(berth_${M_NAME} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

# berth_add_program(NAME berthctl SRCS ... DEPS ...): a program, installed to bin/.
function(berth_add_program)
  cmake_parse_arguments(P "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${P_NAME} ${P_SRCS})
  target_link_libraries(${P_NAME} PRIVATE berth_settings ${P_DEPS})
  set_target_properties(${P_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS ${P_NAME} RUNTIME)
endfunction()

# berth_add_test(NAME model_test LABELS unit SRCS a_test.cpp ... DEPS ... [TIMEOUT s]): a GoogleTest binary.
function(berth_add_test)
  cmake_parse_arguments(T "NO_MAIN" "NAME;TIMEOUT" "SRCS;DEPS;LABELS;ENVIRONMENT" ${ARGN})
  if(NOT BERTH_BUILD_TESTS)
    return()
  endif()
  add_executable(${T_NAME} ${T_SRCS})
  target_link_libraries(${T_NAME} PRIVATE berth_settings ${T_DEPS} GTest::gmock)
  if(NOT T_NO_MAIN)
    target_link_libraries(${T_NAME} PRIVATE GTest::gtest_main)
  endif()
  target_compile_definitions(${T_NAME} PRIVATE BERTH_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    BERTH_BINARY_DIR="${PROJECT_BINARY_DIR}")
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 60)
  endif()
  gtest_discover_tests(${T_NAME} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${T_LABELS}" TIMEOUT ${T_TIMEOUT} ENVIRONMENT "${T_ENVIRONMENT}")
  foreach(source IN LISTS T_SRCS)
    get_filename_component(full ${source} ABSOLUTE)
    set_property(GLOBAL APPEND PROPERTY BERTH_TEST_SOURCES ${full})
  endforeach()
endfunction()

# berth_add_fuzzer(NAME json_fuzzer SRCS ... DEPS ...): a libFuzzer target, built only in the fuzz preset.
function(berth_add_fuzzer)
  cmake_parse_arguments(F "" "NAME" "SRCS;DEPS" ${ARGN})
  foreach(source IN LISTS F_SRCS)
    get_filename_component(full ${source} ABSOLUTE)
    set_property(GLOBAL APPEND PROPERTY BERTH_TEST_SOURCES ${full})
  endforeach()
  if(NOT BERTH_FUZZ)
    return()
  endif()
  add_executable(${F_NAME} ${F_SRCS})
  target_link_libraries(${F_NAME} PRIVATE berth_settings ${F_DEPS})
  target_link_options(${F_NAME} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${F_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
endfunction()
