# find_package(headrace): headrace::headrace_shared and headrace::headrace_static.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(PkgConfig)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(LIBURCU REQUIRED IMPORTED_TARGET liburcu-qsbr)
pkg_check_modules(LIBNUMA REQUIRED IMPORTED_TARGET numa)
pkg_check_modules(LIBMNL REQUIRED IMPORTED_TARGET libmnl)
include(${CMAKE_CURRENT_LIST_DIR}/headrace-targets.cmake)
